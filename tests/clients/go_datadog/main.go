// SPDX-License-Identifier: Apache-2.0

// github.com/DataDog/datadog-go, adding up by itself.  usage: HOST PORT PREFIX sampled
package main

import (
	"os"
	"time"

	"github.com/DataDog/datadog-go/v5/statsd"
)

func main() {
	client, err := statsd.New(os.Args[1]+":"+os.Args[2],
		statsd.WithNamespace(os.Args[3]+"."),
		statsd.WithTags([]string{"env:prod"}),
		statsd.WithContainerID("83c0a99c"),
		statsd.WithExtendedClientSideAggregation())
	if err != nil {
		panic(err)
	}
	client.Count("jobs", 3, []string{"dag:a"}, 1)
	client.Count("jobs", 4, []string{"dag:a"}, 1)
	client.Gauge("slots", 7, nil, 1)
	client.Gauge("slots", 5, nil, 1)
	client.TimeInMilliseconds("load", 250, nil, 1)
	client.Timing("load", 750500*time.Microsecond, nil, 1)
	for i := 0; i < 10; i++ {
		client.Histogram("size", float64(i), nil, 1)
		client.Distribution("spread", float64(i), nil, 1)
	}
	for _, name := range []string{"anna", "bob", "anna"} {
		client.Set("users", name, nil, 1)
	}
	client.GaugeWithTimestamp("past", 2, nil, 1, time.Unix(1656581400, 0))
	client.CountWithTimestamp("past_jobs", 6, nil, 1, time.Unix(1656581400, 0))
	client.SimpleEvent("deployed", "a text\nof two lines")
	client.SimpleServiceCheck("db.up", statsd.Ok)
	for i := 0; i < 200; i++ {
		client.TimeInMilliseconds("slow", 100, nil, 0.25)
	}
	client.Close()
}
