// SPDX-License-Identifier: Apache-2.0

//! cadence of crates.io.  usage: HOST PORT PREFIX sampled
use cadence::prelude::*;
use cadence::{BufferedUdpMetricSink, StatsdClient};
use std::net::UdpSocket;
use std::time::Duration;

fn main() {
    let words: Vec<String> = std::env::args().collect();
    let port: u16 = words[2].parse().unwrap();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let sink = BufferedUdpMetricSink::from((words[1].as_str(), port), socket).unwrap();
    let client = StatsdClient::builder(&words[3], sink).with_tag("env", "prod").build();
    client.count_with_tags("jobs", 3).with_tag("dag", "a").send();
    client.count_with_tags("jobs", 4).with_tag("dag", "a").send();
    client.gauge("slots", 5u64).unwrap();
    client.time("load", 250u64).unwrap();
    client.time("load", Duration::from_millis(750)).unwrap();
    client.histogram("size", 12u64).unwrap();
    client.distribution("spread", vec![1u64, 2, 3]).unwrap();
    for name in &["anna", "bob", "anna"] {
        let member = name.bytes().map(i64::from).sum::<i64>();
        client.set("users", member).unwrap();
    }
}
