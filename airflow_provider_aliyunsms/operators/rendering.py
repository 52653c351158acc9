# SPDX-License-Identifier: Apache-2.0
"""Keep the text of templates that Airflow would turn into numbers or files."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


def text_of(rendered: Any, *, template: Any, context: Any) -> Any:
    """
    Return what a template rendered to, but the text itself where it became a number.

    With ``render_template_as_native_obj`` the text +13105550123 becomes an integer without its plus, and so a mobile
    in mainland China. Lists, mappings and other values stay as they are.

    :param template: the Jinja template.
    :param context: its variables.
    """
    if isinstance(rendered, bool) or not isinstance(rendered, int | float | complex):
        return rendered
    variables = template.new_context(dict(context))
    return "".join(map(str, template.root_render_func(variables)))


@contextmanager
def renders(operator: Any, *, files: Sequence[str], as_text: bool) -> Iterator[None]:
    """
    Set how an operator renders its fields while the block runs.

    :param files: the endings of texts that are names of files.
    :param as_text: whether numbers stay the text that they were in the template, see :func:`text_of`.
    """
    before = operator.template_ext, operator._renders_text
    operator.template_ext, operator._renders_text = files, as_text
    try:
        yield
    finally:
        operator.template_ext, operator._renders_text = before
