# SPDX-License-Identifier: Apache-2.0
"""
Find out what the carriers did with the accepted messages of a campaign.

The input is the summary of one or several campaigns, their receipts, and a channel that can ask for the status of a
message (:class:`~airflow_provider_aliyunsms.campaign.ports.StatusChannel`). The output is a verdict with its counts:
wait, enough delivered, too few, timed out, or out of calls. All calls are free queries; nothing is sent.

:class:`~airflow_provider_aliyunsms.delivery.watch.Watch` is the centre. Sensor and trigger repeat its one step: make
a round, judge the counts, compute the wait. A *round* asks once for each message whose *fate* (delivered or failed)
is not known yet.

* ``campaigns`` reads the result of a send task; ``tracking`` reads its receipts, which name the messages to ask for.
* ``polling`` makes a round in several threads. ``query_limiter`` is what every query passes: it keeps the pace,
  counts the queries and stops them when the round must end.
* ``state`` holds what is known: one bit for each pending message, and counts of the others. ``sampling`` draws a
  random part of the messages where not all are asked for.
* ``series`` holds how the counts changed over time, ``group_counts`` those of each group of a split, and ``opt_outs``
  the numbers that carriers block, which it writes into the folder of ``campaign/learned_numbers``.
* ``comparison`` compares two groups, and ``report`` makes the report on a whole campaign.
* ``verdict`` decides from the counts alone. It is a pure function.
* ``checkpoint`` packs the state so that another process can go on with it, and stores it; ``events`` is the
  form in which a trigger hands its result to the sensor.

Threads: the thread that makes a round writes the state; query threads only ask.

What must never happen: a message counts twice, or changes its fate; a checkpoint or a log holds a number or an id of
a message; a process that takes over goes on with the state of another campaign. A checkpoint that is lost or damaged
costs queries, never a wrong count: the messages are asked for again.

Another rule about when a watch ends goes into ``verdict``. This layer imports neither Airflow nor an HTTP library.
"""
