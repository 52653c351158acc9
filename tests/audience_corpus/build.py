# SPDX-License-Identifier: Apache-2.0
"""
Write the corpus: small made-up files as people have them, and the report of each.

    python tests/audience_corpus/build.py

Read the difference of the reports before you commit it: it is what changed for the people who have such files.
"""

from __future__ import annotations

import contextlib
import datetime
import gzip
import io
import json
import shlex
import sys
import zipfile
from pathlib import Path

import openpyxl
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[1]))

from airflow_provider_aliyunsms.audience.report.preview import main  # noqa: E402 - the path comes first

GLOBE = "--api globe --text 'Hi ${name}'"
PLAIN = "phone_number,name\n13800001234,Ann\n13900001234,Bob\n"
CHINESE = "手机号,姓名\n13800001234,张三\n13900001234,李四\n"
MAPPED = """--column-mapping '{"手机号": "phone_number", "姓名": "name"}'"""


def parquet(columns, **more):
    stream = io.BytesIO()
    pq.write_table(pa.table(columns), stream, **more)
    return stream.getvalue()


def workbook(*sheets, formats=()):
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets:
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
        for cell, form in formats:
            sheet[cell].number_format = form
    for sheet in book.worksheets:
        for row in sheet.iter_rows():
            for cell in row:
                if isinstance(cell.value, str) and cell.value.startswith("#"):
                    cell.data_type = "e"
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def archive(**files):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as made:
        for name, text in files.items():
            made.writestr(name.replace("_", "."), text)
    return stream.getvalue()


def numbers(*spelled):
    return "phone_number\n" + "".join(f'"{each.replace(chr(34), chr(34) * 2)}"\n' for each in spelled)


SINGLES = pa.array([float(13800001234 + n) for n in range(5)]).cast(pa.float32(), safe=False)

# file name -> (content, options)
FILES = {
    # never a stranger
    "float32.parquet": (parquet({"phone_number": SINGLES}), ""),
    "float16.parquet": (parquet({"phone_number": pa.array([1.0, 2.0], pa.float32()).cast(pa.float16())}), ""),
    "float64.parquet": (parquet({"phone_number": pa.array([13800001234.0, None, 13800001536.0])}), ""),
    "float32_as_text.csv": ("phone_number\n13800001536.0\n13800002560.0\n13800003584.0\n13800004608.0\n", ""),
    "float32_as_short_text.csv": (
        "phone_number\n13800002000.0\n13800003000.0\n13800004000.0\n13800005000.0\n",
        "",
    ),
    "float32_as_integers.csv": ("phone_number\n13800001536\n13800002560\n13800003584\n13800004608\n", ""),
    "float32_one_row.jsonl": ('{"phone_number": 13800001536.0}\n', ""),
    "decimals_globe.csv": ("to,name\n6591234567.00,Ann\n6591234568.0,Bob\n6591234569.50,Cy\n", GLOBE),
    "decimals.csv": ("phone_number\n13800001234.0\n13800001235.00\n13800001236.5\n", ""),
    "decimals_german.csv": ('phone_number;name\n"13800001234,0";Ann\n', ""),
    "landlines.csv": ("phone_number\n75526712345\n37165012345\n41182345678\n1380000123\n", ""),
    "landlines_international.csv": ("phone_number\n37167012345\n+37167012345\n", "--international"),
    "abroad.csv": ("phone_number\n+85251234567\n0085251234567\n85251234567\n", ""),
    "region_of_task.csv": ("phone_number\n51234567\n13800001234\n+6591234567\n", "--phone-region HK"),
    "region_of_row.csv": ("phone_number,phone_region\n51234567,HK\n13800001234,\n91234567,SG\n1,XX\n", ""),
    "region_globe.csv": ("to,phone_region,name\n91234567,SG,Ann\n51234567,hk,Bob\n", GLOBE),
    "region_ambiguous.csv": ("phone_number\n13105550123\n", "--phone-region US"),
    "minus.csv": ("phone_number\n-13800001148\n", ""),
    "scientific.csv": ("phone_number\n1.38E+10\n6.59123E+09\n", ""),
    "stray_quote_globe.csv": (
        'to,name\n6591230001,a\n6591230002,"12\n6591230003,b\n6591230004,c"\n6591230005,d\n',
        GLOBE,
    ),
    "stray_quote.csv": (
        'phone_number,a,b\n13800001231,x,y\n13800001232,"x,y\n13800001233,x,y\n13800001234,x",y\n',
        "",
    ),
    "stray_quote_last_column.csv": ('name,phone_number\n"Ann,13800001231\nBob",13800001232\n', ""),
    "unclosed_quote.csv": ('phone_number,name\n13800001231,a\n13800001232,"b\n13800001233,c\n', ""),
    "several_lines.csv": (
        'to,message\n6591230001,"Hello Ann,\nsee you on Monday, 10 am\nBye"\n',
        "--api globe",
    ),
    "header_case.csv": ("To,Message\n6591230001,Own text\n", "--api globe --text 'Default text'"),
    "header_spelling.csv": ("Phone Number,Sign_Name,NAME\n13800001234,阿里云,Ann\n", ""),
    "header_twice.csv": ("to,message,Message\n6591230001,a,b\n", "--api globe"),
    "no_header.csv": ("13800001231\n13800001232\n13800001233\n", ""),
    # delimiters and lines
    "semicolon.csv": (PLAIN.replace(",", ";"), ""),
    "tab.csv": (PLAIN.replace(",", "\t"), ""),
    "bar.csv": (PLAIN.replace(",", "|"), ""),
    "caret.csv": (PLAIN.replace(",", "^"), "--delimiter '^'"),
    "caret_unnamed.csv": (PLAIN.replace(",", "^"), ""),
    "sep_line.csv": ("sep=;\r\n" + PLAIN.replace(",", ";").replace("\n", "\r\n"), ""),
    "cr_only.csv": (PLAIN.replace("\n", "\r"), ""),
    "utf16.csv": (PLAIN.replace(",", "\t").encode("utf-16"), ""),
    "utf16_big.csv": (b"\xfe\xff" + CHINESE.encode("utf-16-be"), MAPPED),
    "utf16_unmarked.csv": (PLAIN.encode("utf-16-le"), ""),
    "utf16_named.csv": (PLAIN.encode("utf-16-le"), "--encoding utf-16-le"),
    "gb18030.csv": (CHINESE.encode("gb18030"), MAPPED),
    "gb18030_named.csv": (CHINESE.encode("gb18030"), MAPPED + " --encoding gb18030"),
    "gb18030_late.csv": ((PLAIN + "13800001236,张三\n").encode("gb18030"), ""),
    "big5.csv": ("phone_number,name\n13800001234,陳大文\n".encode("big5"), ""),
    "utf8_wrongly_named.csv": (CHINESE.encode(), MAPPED + " --encoding gb18030"),
    "double_mark.csv": (b"\xef\xbb\xbf" * 2 + PLAIN.encode(), ""),
    "invisible_header.csv": ("phone_number\u200b,\u2060name\n13800001234,Ann\n", ""),
    "empty.csv": ("", ""),
    "trailing_columns.csv": ("phone_number,name,,\n13800001234,Ann,,\n13900001234,Bob,,\n", ""),
    "trailing_columns_used.csv": ("phone_number,name,\n13800001234,Ann,x\n", ""),
    "trailing_columns_left_out.csv": (
        "phone_number,name,\n13800001234,Ann,x\n",
        """--column-mapping '{"": null}'""",
    ),
    "blank_lines.csv": ("phone_number,name\n13800001234,Ann\n\n,\n , \n13900001234,Bob\n,\n,\n", ""),
    "pandas_index.csv": (",phone_number,name\n0,13800001234,Ann\n7,13900001234,Bob\n", ""),
    "pandas_unnamed.csv": ("Unnamed: 0,phone_number,name\n0,13800001234,Ann\n1,13900001234,Bob\n", ""),
    "short_rows.csv": ("phone_number,name,city\n13800001234,Ann,X\n13900001234,Bob\n13700001234", ""),
    "short_row_without_number.csv": ("phone_number,name\n13800001234,Ann\nand more\n", ""),
    "cut_globe.csv": ("to,name\n6591234567,Ann\n6591234", GLOBE),
    "long_rows.csv": ("phone_number,name\n13800001234,Ann,,\n13900001234,Bob,x\n", ""),
    "blank_before_quote.csv": ('"phone_number", "name"\n"13800001234", "Ann, B."\n', ""),
    # numbers
    "text_marks.csv": (
        numbers("'13800001231", '="13800001232"', "`13800001233", "\u201913800001234", "138_0000_1235"),
        "",
    ),
    "loose_comma.csv": (numbers("13800001231,", "13800001232，"), ""),
    "full_width.csv": (numbers("１３８００００１２３１", "＋８６　１３８００００１２３２"), ""),
    "invisible.csv": (
        numbers(
            "\u206813800001231\u2069",
            "138\u00ad00001232",
            "13800001233\ufe0f",
            "138\u20040000\u205f1234",
            "13800001235\u3164",
            "138\u180e00001236",
            "\u202e13800001237",
        ),
        "",
    ),
    "layout.csv": (numbers("(138) 0000-1231", "【138】0000—1232", "+86 138.0000.1233"), ""),
    "two_numbers.csv": (
        numbers("13800001231 13800001232", "13800001231/13800001232", "13800001231\n13900001232"),
        "",
    ),
    # values
    "trimmed.csv": ("phone_number,name\n13800001234,Ann\n13800001234, Ann\u3000\n", ""),
    "nulls.csv": (
        "phone_number,name\n13800001231,nan\n13800001232,None\n13800001233,NULL\n13800001234,\\N\n"
        "13800001235,<NA>\n13800001236,#N/A\n13800001237,Null\nNULL,x\n",
        "",
    ),
    "nulls_own.csv": ("phone_number,name\n13800001231,-\n13800001232,NULL\n", "--null-values -"),
    "bad_characters.csv": (
        "phone_number,name\n13800001231,a\x07b\n13800001232,a\ufffdb\n13800001233,a\ue000b\n13800001234,a\tb\n",
        "",
    ),
    "unused_column.csv": (
        "phone_number,name,remark\n13800001231,Ann,\n13800001232,Bob,\n13800001233,Cy,x\n",
        "",
    ),
    "unused_column_left_out.csv": (
        "phone_number,name,remark\n13800001231,Ann,\n13800001232,Bob,x\n",
        "--columns name",
    ),
    "columns_missing.csv": ("phone_number,name\n13800001231,Ann\n", "--columns nmae"),
    "long_variable.csv": ("phone_number,note\n13800001231," + "x" * 36 + "\n", ""),
    "sign_names.csv": (
        "phone_number,sign_name\n13800001231,【测试】\n13800001232,测\u200b试\n13800001233,测试\n",
        "",
    ),
    "duplicates.csv": ("phone_number,name\n13800001231,Ann\n+86 13800001231,Ann\n13800001231,Bob\n", ""),
    "id_column.csv": ("id,phone_number,name\n1,13800001231,Ann\n2,13800001231,Ann\n", ""),
    "id_column_left_out.csv": (
        "id,phone_number,name\n1,13800001231,Ann\n2,13800001231,Ann\n",
        "--columns name",
    ),
    "parts.csv": (PLAIN, "--sign-name 测试 --text '" + "您好${name}，" + "字" * 60 + "'"),
    "parts_globe.csv": (
        "to,name\n6591230001,Ann\n6591230002,张\n",
        "--api globe --text '" + "x" * 80 + "${name}'",
    ),
    # other formats
    "numbers.txt": ("13800001231\n+86 13800001232\n\n12\n", ""),
    "table.txt": (PLAIN.replace(",", "\t"), ""),
    "table.tsv": (PLAIN.replace(",", "\t"), ""),
    "array.json": (
        json.dumps([{"phone_number": "13800001231", "name": "Ann"}, "13800001232", 13800001233]),
        "",
    ),
    "array_pretty.json": (json.dumps([{"phone_number": "13800001231", "name": "Ann"}] * 2, indent=2), ""),
    "array_cut.json": ('[{"phone_number": "13800001231"}, {"phone_nu', ""),
    "lines.json": ('{"phone_number": "13800001231"}\n{"phone_number": 13800001232}\n', ""),
    "missing_keys.jsonl": (
        "".join(
            json.dumps({"phone_number": f"1380000{n:04d}"} | ({"name": "x"} if n % 10 else {})) + "\n"
            for n in range(1, 21)
        ),
        "",
    ),
    "object.json": ('{"data": [{"phone_number": "13800001231"}]}', ""),
    "float_amounts.parquet": (
        parquet(
            {
                "phone_number": ["13800001231", "13800001232"],
                "single": pa.array([12.1, 100.0], pa.float32()),
                "points": pa.array([100.0, None]),
            }
        ),
        """--template-param '{"points": 0}' --text '${single} ${points}'""",
    ),
    "pandas_index.parquet": (
        parquet({"phone_number": ["13800001231"], "__index_level_0__": pa.array([7])}),
        "",
    ),
    "workbook.xlsx": (
        workbook(
            (
                "people",
                [
                    ["phone_number", "name", "day", "points"],
                    [13800001231, "Ann", datetime.date(2026, 1, 2), 100.0],
                    ["'13800001232", "Bob", datetime.date(2026, 1, 3), 0.1 + 0.2],
                    [None, None, None, None],
                    [13800001233.0, "#REF!", datetime.date(2026, 1, 4), 1],
                    ["+85251234567", "#N/A", datetime.date(2026, 1, 5), 1],
                ],
            ),
            formats=[("C2", 'yyyy"年"m"月"d"日"')],
        ),
        "",
    ),
    "two_sheets.xlsx": (workbook(("a", [["phone_number"], [13800001231]]), ("b", [["x"]])), ""),
    "named_sheet.xlsx": (workbook(("a", [["phone_number"], [13800001231]]), ("b", [["x"]])), "--sheet a"),
    "wrong_sheet.xlsx": (workbook(("a", [["phone_number"], [13800001231]])), "--sheet c"),
    "empty.xlsx": (workbook(("a", [])), ""),
    "pandas_index.xlsx": (workbook(("a", [[None, "phone_number"], [0, 13800001231], [1, 13800001232]])), ""),
    "beside_the_table.xlsx": (workbook(("a", [["phone_number"], [13800001231, "note"]])), ""),
    # wrong endings
    "workbook_as.csv": (workbook(("a", [["phone_number"], [13800001231]])), ""),
    "parquet_as.csv": (parquet({"phone_number": ["13800001231"]}), ""),
    "gzip_as.csv": (gzip.compress(PLAIN.encode(), mtime=0), ""),
    "gzip_twice.csv.gz": (gzip.compress(gzip.compress(PLAIN.encode(), mtime=0), mtime=0), ""),
    "text_as.xlsx": (PLAIN, ""),
    "zip_as.csv": (archive(people_csv=PLAIN), ""),
    "ods_as.xlsx": (archive(content_xml="<x/>", mimetype="x"), ""),
    "old_workbook_as.xlsx": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(500), ""),
    "page_as.csv": ("<html><table><tr><td>phone_number</td></tr></table>", ""),
    "damaged.xlsx": (archive(**{"xl/workbook_xml": "<broken"}), ""),
    "workbook.xls": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", ""),
    "archive.zip": (archive(people_csv=PLAIN), ""),
    "people.sql": ("select 1", ""),
    "people.pdf": (b"%PDF-1.4", ""),
    # from other programs
    "pandas_hole.csv": (pd.DataFrame({"phone_number": [13800001234, None], "n": ["a", "b"]}).to_csv(), ""),
    "polars.csv": (pl.DataFrame({"phone_number": [13800001234], "name": ["Ann"]}).write_csv(), ""),
    "pandas.jsonl": (
        pd.DataFrame({"phone_number": ["13800001234"], "name": ["张三"]}).to_json(
            orient="records", lines=True
        ),
        "",
    ),
    "pandas.json": (pd.DataFrame({"phone_number": [13800001234]}).to_json(orient="records"), ""),
}


def build():
    for old in HERE.iterdir():
        if old.is_file() and old.name not in ("build.py", "README.md"):
            old.unlink()
    for name, (content, options) in FILES.items():
        file = HERE / name
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = main([str(file), *shlex.split(options)])
        text = f"options: {options}\nexit {code}\n{out.getvalue()}{err.getvalue()}"
        (HERE / f"{name}.report").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    build()
