# SPDX-License-Identifier: Apache-2.0
"""Admin > Connections, as a person uses it."""

from __future__ import annotations


class ConnectionsPage:
    """
    The list of connections with its form.

    :param page: a page of the browser.
    """

    def __init__(self, page):
        self._page = page
        self.form = page.get_by_role("dialog")

    def go(self):
        """Load the page, which also clears it of messages."""
        self._page.goto("/connections")

    def add(self, *, kind):
        """Open the form and choose a type by the name that people see."""
        self._page.get_by_role("button", name="Add Connection").click()
        chooser = self.form.get_by_role("combobox")
        chooser.click()
        chooser.fill(kind)
        self._page.get_by_role("option", name=kind, exact=True).click()
        self.form.get_by_text("Standard Fields").wait_for()

    def edit(self, connection_id):
        self._row(connection_id).get_by_role("button", name="Edit Connection").click()
        self.form.get_by_text("Standard Fields").wait_for()

    def fill(self, **fields):
        """Fill standard fields by their names; their section is open from the start."""
        for name, value in fields.items():
            self.form.locator(f"[name={name}]").fill(value)

    def fill_extra(self, **fields):
        """Fill extra fields by their names; their section must be open."""
        for name, value in fields.items():
            self.form.locator(f"[name=element_{name}]").fill(value)

    def open_section(self, name):
        """Open one of the three sections, which closes the others."""
        self.form.get_by_role("button", name=name, exact=True).click()

    def save(self):
        self.form.get_by_role("button", name="Save").click()
        self.form.wait_for(state="detached")

    def press_test(self, connection_id):
        """
        Press the Test button of a row.

        :return: what the message says that appears.
        """
        self._row(connection_id).get_by_role("button", name="Test Connection").click()
        message = self._page.locator("[data-scope=toast][data-part=root]").filter(has_text="Test Connection")
        message.wait_for()
        return message.inner_text()

    def text(self):
        """Return what the page holds: markup, and what stands in its fields."""
        fields = "[...document.querySelectorAll('input, textarea')].map(field => field.value)"
        return "\n".join([self._page.content(), *self._page.evaluate(fields)])

    def _row(self, connection_id):
        return self._page.get_by_role("row").filter(has_text=connection_id)
