# SPDX-License-Identifier: Apache-2.0
"""
Show campaigns in Airflow's UI (3.1 and later): the page *SMS campaigns* and the JSON it is made of.

Two of the modules are imported by every component of Airflow, because all of them load plugins: ``plugin`` names
the page and the tabs, and ``lazy_app`` is what the API server mounts. Both import nothing else of this package. The
rest is imported by the API server at the first request, and whatever fails in it is one message on that page.

* ``app`` makes the FastAPI application; ``routes`` has its addresses; ``access`` asks Airflow's auth manager.
* ``query`` reads Airflow's database, with a fixed number of queries for a page of the list, and ``sums`` adds up in
  it. ``records`` is what goes in and comes out.
* ``rows`` and ``detail`` make the JSON of what was read. ``figures`` takes what tasks wrote apart, and believes none
  of it: whoever writes DAG files can write any XCom.
* ``clear`` says what a Clear would do, as a pure function of facts.
* ``receipts`` shows receipts with masked numbers.

What tasks write is defined in ``campaign/figures.py`` and ``delivery/figures.py``. No phone number and no text leaves
this package.

It imports nothing here, so that the plugin stays light.
"""
