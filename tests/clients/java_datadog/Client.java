// SPDX-License-Identifier: Apache-2.0
import com.timgroup.statsd.Event;
import com.timgroup.statsd.NonBlockingStatsDClientBuilder;
import com.timgroup.statsd.ServiceCheck;
import com.timgroup.statsd.StatsDClient;

/** java-dogstatsd-client of Maven Central. usage: HOST PORT PREFIX sampled */
public class Client {
	public static void main(String[] words) throws InterruptedException {
		StatsDClient client = new NonBlockingStatsDClientBuilder()
			.hostname(words[0]).port(Integer.parseInt(words[1])).prefix(words[2])
			.constantTags("env:prod").containerID("83c0a99c")
			.aggregationFlushInterval(100).build();
		client.count("jobs", 3, "dag:a");
		client.count("jobs", 4, "dag:a");
		client.gauge("slots", 7);
		client.gauge("slots", 5);
		client.time("load", 250);
		client.time("load", 750);
		client.histogram("size", 12);
		client.distribution("spread", 3);
		for (String name : new String[] {"anna", "bob", "anna"})
			client.recordSetValue("users", name);
		client.gaugeWithTimestamp("past", 2, 1656581400);
		client.countWithTimestamp("past_jobs", 6, 1656581400);
		client.recordEvent(Event.builder().withTitle("deployed").withText("a text\nof two lines")
			.build());
		client.serviceCheck(ServiceCheck.builder().withName("db.up")
			.withStatus(ServiceCheck.Status.OK).build());
		for (int i = 0; i < 200; i++)
			client.histogram("sized", 100, 0.25);
		Thread.sleep(1000); // stop() does not wait for what it still adds up
		client.stop();
	}
}
