// SPDX-License-Identifier: Apache-2.0

// golang-github-cactus-go-statsd-client-dev.  usage: HOST PORT PREFIX [sampled]
package main

import (
	"os"
	"time"

	"github.com/cactus/go-statsd-client/statsd"
)

func main() {
	client, err := statsd.NewClientWithConfig(&statsd.ClientConfig{
		Address:       os.Args[1] + ":" + os.Args[2],
		Prefix:        os.Args[3],
		UseBuffered:   true,
		FlushInterval: 50 * time.Millisecond,
	})
	if err != nil {
		panic(err)
	}
	client.Inc("jobs", 3, 1)
	client.Inc("jobs", 4, 1)
	client.Gauge("slots", 7, 1)
	client.GaugeDelta("slots", 3, 1)
	client.GaugeDelta("slots", -5, 1)
	client.Timing("load", 250, 1)
	client.TimingDuration("load", 750500*time.Microsecond, 1)
	for _, name := range []string{"anna", "bob", "anna"} {
		client.Set("users", name, 1)
	}
	if len(os.Args) > 4 {
		for i := 0; i < 200; i++ {
			client.Inc("sampled", 1, 0.5)
			client.Timing("slow", 100, 0.25)
		}
	}
	client.Close()
}
