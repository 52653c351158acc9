# SPDX-License-Identifier: Apache-2.0
"""Keep the text of templates that Airflow would turn into numbers."""

from __future__ import annotations

from typing import Any


def text_of(rendered: Any, *, template: Any, context: Any) -> Any:
    """
    Return the value of a rendered template; where Airflow made a number of it, return the text.

    With ``render_template_as_native_obj`` the text +13105550123 becomes an integer without its plus, and so a mobile
    in mainland China. Lists, mappings and other values stay as they are.

    :param template: the Jinja template.
    :param context: its variables.
    """
    if isinstance(rendered, bool) or not isinstance(rendered, int | float | complex):
        return rendered
    variables = template.new_context(dict(context))
    return "".join(map(str, template.root_render_func(variables)))
