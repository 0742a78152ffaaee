"""A fingerprint changes with every definition that an entry point reaches, and with nothing else."""

from pathlib import Path

import pytest

from medhash.core.fingerprint import Code
from medhash.core.source_modules import Unseen

TRAIN = '''
"""Trains."""
import numpy as np

from lib.losses import Loss, tripled
from lib.tables import read as read_rows

RATE = 0.5


def main(path, rate=RATE):
    """Entry."""
    from lib import late
    rows = read_rows(path)
    loss = Loss(tripled(rate))
    return late.finish(loss.of(np.asarray(rows)))


def unused():
    return 1
'''
LOSSES = '''
from dataclasses import dataclass, field

from lib.numbers import doubled, seven


@dataclass
class Loss:
    """A loss."""
    weight: float
    """Its weight."""
    powers: tuple = (1, 2)

    def of(self, rows: "list") -> float:
        return sum(doubled(row) for row in rows) * self.weight


def tripled(x):
    return doubled(x) + x


class Other:
    def of(self, rows):
        return seven()
'''
NUMBERS = """
FACTOR = 2


def doubled(x):
    return FACTOR * x


def seven():
    return 7
"""
TABLES = """
from lib.rows import read
"""
ROWS = """
import functools


@functools.cache
def read(path):
    return even(len(path), [])


def even(n, found):
    return found if n == 0 else odd(n - 1, [*found, n])


def odd(n, found):
    return found if n == 0 else even(n - 1, [*found, -n])
"""
LATE = """
def finish(value):
    return round(value, 3)
"""
PACKAGE = {
    "train": TRAIN,
    "losses": LOSSES,
    "numbers": NUMBERS,
    "tables": TABLES,
    "rows": ROWS,
    "late": LATE,
    "__init__": "",
}


def code(folder: Path, modules: dict[str, str], **settings) -> Code:
    for name, text in modules.items():
        path = folder / "lib" / (name.replace(".", "/") + ".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return Code(folder, ("lib",), **settings)


def digest(folder: Path, modules: dict[str, str], *roots: str, **settings) -> str:
    return code(folder, modules, **settings).fingerprint(roots or ["lib.train:main"])


def edited(module: str, before: str, after: str) -> dict[str, str]:
    assert PACKAGE[module].count(before) == 1, before
    return PACKAGE | {module: PACKAGE[module].replace(before, after)}


MATTERS = {
    "the entry point": ("train", "tripled(rate)", "tripled(rate + 1)"),
    "a default value": ("train", "rate=RATE", "rate=RATE + 1"),
    "a constant": ("train", "RATE = 0.5", "RATE = 0.25"),
    "the type of a constant": ("numbers", "FACTOR = 2", "FACTOR = 2.0"),
    "a callee one level deep": ("losses", "doubled(x) + x", "doubled(x) - x"),
    "a callee two levels deep": ("numbers", "FACTOR * x", "FACTOR * x + 1"),
    "a method": ("losses", "* self.weight", "/ self.weight"),
    "a field's default": ("losses", "(1, 2)", "(1, 3)"),
    "a field's type": ("losses", "weight: float", "weight: int"),
    "an attribute of a class": ("losses", "class Loss:", "class Loss:\n    extra = 1\n"),
    "a decorator": ("rows", "@functools.cache", "@functools.lru_cache(maxsize=1)"),
    "a decorator that goes": ("losses", "@dataclass", ""),
    "what is imported inside a function": ("late", "round(value, 3)", "round(value, 4)"),
    "what is imported again elsewhere": ("rows", "len(path)", "len(path) + 1"),
    "one of two functions that call each other": ("rows", "[*found, -n]", "[*found, n]"),
    "which function of another package is called": ("train", "np.asarray", "np.array"),
    "an effect of a module": ("numbers", "FACTOR = 2", "FACTOR = 2\nimport os\nos.environ['THREADS'] = '1'\n"),
    "an effect of a package": ("__init__", "", "print('loaded')\n"),
}
SAME = {
    "a comment": ("numbers", "FACTOR = 2", "FACTOR = 2     # doubles"),
    "a docstring": ("train", '"""Entry."""', '"""Another text."""'),
    "a docstring that goes": ("losses", '    """A loss."""\n', ""),
    "the text under a field": ("losses", '    """Its weight."""\n', ""),
    "formatting": ("train", "main(path, rate=RATE)", "main(\n    path,\n    rate = RATE,\n)"),
    "a function that nobody calls": ("train", "return 1", "return 2"),
    "a class that nobody names": ("losses", "return seven()", "return seven() + 1"),
    "what only they reach": ("numbers", "return 7", "return 8"),
    "an annotation of a function": ("losses", '"list"', '"tuple"'),
    "an annotation of a constant": ("train", "RATE = 0.5", "RATE: float = 0.5"),
    "an import for type checkers": (
        "late",
        "def finish",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from lib.losses import Other\ndef finish",
    ),
    "the name under which something is imported": ("train", "import late", "import late as late"),
    "code for the command line": ("train", "def unused", "if __name__ == '__main__':\n    main('x')\ndef unused"),
    "an assignment of an attribute list": ("late", "def finish", "__all__ = ['finish']\ndef finish"),
}


@pytest.mark.parametrize("edit", MATTERS.values(), ids=MATTERS)
def test_an_edit_that_matters_changes_it(tmp_path, edit):
    assert digest(tmp_path / "a", PACKAGE) != digest(
        tmp_path / "b", edited(*edit) if edit[1] else PACKAGE | {edit[0]: edit[2]}
    )


@pytest.mark.parametrize("edit", SAME.values(), ids=SAME)
def test_an_edit_that_does_not_matter_leaves_it(tmp_path, edit):
    assert digest(tmp_path / "a", PACKAGE) == digest(tmp_path / "b", edited(*edit))


def test_an_import_that_moves_into_a_function_leaves_it(tmp_path):
    moved = (
        PACKAGE["train"]
        .replace("import numpy as np\n", "")
        .replace("    from lib import late", "    import numpy as other\n    from lib import late")
        .replace("np.", "other.")
    )
    assert digest(tmp_path / "a", PACKAGE) == digest(tmp_path / "b", PACKAGE | {"train": moved})


def test_definitions_that_move_between_modules_and_modules_that_are_renamed_leave_it(tmp_path):
    merged = {
        "__init__": "",
        "deep.__init__": "",
        "deep.all": LATE + NUMBERS + ROWS + LOSSES.replace("from lib.numbers import doubled, seven\n", ""),
        "start": TRAIN.replace("lib.losses", "lib.deep.all")
        .replace("lib.tables", "lib.deep.all")
        .replace("from lib import late", "import lib.deep.all")
        .replace("late.finish", "lib.deep.all.finish"),
    }
    assert digest(tmp_path / "a", PACKAGE) == digest(tmp_path / "b", merged, "lib.start:main")


def test_a_renamed_function_and_a_reordered_module_leave_it(tmp_path):
    renamed = {name: text.replace("doubled", "twice") for name, text in PACKAGE.items()}
    upside_down = "def seven():\n    return 7\n\n\ndef doubled(x):\n    return FACTOR * x\n\n\nFACTOR = 2\n"
    assert digest(tmp_path / "a", PACKAGE) == digest(tmp_path / "b", renamed)
    assert digest(tmp_path / "a", PACKAGE) == digest(tmp_path / "c", PACKAGE | {"numbers": upside_down})


def test_functions_of_one_name_in_two_modules_both_count_and_are_told_apart(tmp_path):
    def package(left: str, right: str, main: str = "first(1) - second(1)") -> dict[str, str]:
        return {
            "__init__": "",
            "a": f"def _size(x):\n    return {left}\ndef first(x):\n    return _size(x)\n",
            "b": f"def _size(x):\n    return {right}\ndef second(x):\n    return _size(x)\n",
            "train": f"from lib.a import first\nfrom lib.b import second\ndef main():\n    return {main}\n",
        }

    versions = [
        package("x + 1", "x + 2"),
        package("x + 2", "x + 1"),
        package("x + 3", "x + 2"),
        package("x + 1", "x + 3"),
        package("x + 1", "x + 2", "second(1) - first(1)"),
    ]
    digests = [digest(tmp_path / str(number), version) for number, version in enumerate(versions)]
    # Swapping the bodies and swapping the calls is the same program; all else differs.
    assert digests[1] == digests[4]
    assert len(set(digests)) == 4


def test_which_of_two_functions_in_a_circle_is_entered_counts(tmp_path):
    rows = PACKAGE["rows"].replace("return even(len(path), [])", "return odd(len(path), [])")
    assert digest(tmp_path / "a", PACKAGE) != digest(tmp_path / "b", PACKAGE | {"rows": rows})


def test_a_longer_circle_feels_an_edit_anywhere_in_it(tmp_path):
    def circle(edited_one: int | None) -> str:
        return "\n".join(
            f"def f{n}(x):\n    return f{(n + 1) % 5}(x - {9 if n == edited_one else n})\n" for n in range(5)
        )

    digests = {
        digest(tmp_path / str(edit), {"train": circle(edit), "__init__": ""}, "lib.train:f0")
        for edit in (None, 0, 1, 2, 3, 4)
    }
    assert len(digests) == 6


def test_local_names_hide_those_of_the_module(tmp_path):
    text = "def helper(x):\n    return {}\ndef main(helper):\n    return [helper for helper in helper]\n"
    assert len({digest(tmp_path / body, {"train": text.format(body), "__init__": ""}) for body in "12"}) == 1
    text = "def helper(x):\n    return {}\ndef main():\n    return [helper(y) for y in (lambda: helper)()]\n"
    assert len({digest(tmp_path / f"{body}i", {"train": text.format(body), "__init__": ""}) for body in "12"}) == 2


def test_a_class_reaches_what_its_body_bases_and_fields_name(tmp_path):
    text = (
        "class Base:\n    x = {}\nclass Part:\n    y = {}\nSIZE = {}\n"
        "class Whole(Base):\n    part: 'Part'\n    size = SIZE\n    def run(self):\n        return self.size\n"
        "def main():\n    return Whole().run()\n"
    )
    digests = [
        digest(tmp_path / "".join(values), {"train": text.format(*values), "__init__": ""})
        for values in ("111", "211", "121", "112")
    ]
    assert len(set(digests)) == 4


def test_an_object_that_is_passed_in_counts_by_the_code_that_makes_it(tmp_path):
    text = (
        "class Used:\n    def go(self):\n        return {}\nclass Unused:\n    def go(self):\n        return {}\n"
        "def call(thing: 'Used | Unused'):\n    return thing.go()\ndef main():\n    return call(Used())\n"
    )
    digests = [
        digest(tmp_path / "".join(values), {"train": text.format(*values), "__init__": ""})
        for values in ("11", "21", "12")
    ]
    assert digests[0] != digests[1]
    assert digests[0] == digests[2]


def test_names_bound_twice_count_with_all_their_statements(tmp_path):
    text = (
        "try:\n    from fast import size\nexcept ImportError:\n    size = len\n"
        "TABLE = {{'a': 1}}\nTABLE |= {{'b': {}}}\ndef main():\n    return size(TABLE)\n"
    )
    assert len({digest(tmp_path / value, {"train": text.format(value), "__init__": ""}) for value in "12"}) == 2


def test_a_module_as_a_value_counts_whole(tmp_path):
    text = "from lib import numbers\ndef main(name):\n    return getattr(numbers, name)(1)\n"
    changed = PACKAGE["numbers"].replace("return 7", "return 8")
    assert digest(tmp_path / "a", PACKAGE | {"train": text}) != digest(
        tmp_path / "b", PACKAGE | {"train": text, "numbers": changed}
    )


def test_a_registration_counts_where_its_module_is_imported(tmp_path):
    text = (
        "from lib.registry import TABLE, register\n@register\ndef one():\n    return {}\n"
        "def main():\n    return TABLE\n"
    )
    registry = "TABLE = {}\ndef register(f):\n    TABLE[f.__name__] = f\n    return f\n"
    assert (
        len(
            {
                digest(tmp_path / value, {"train": text.format(value), "registry": registry, "__init__": ""})
                for value in "12"
            }
        )
        == 2
    )


def test_a_decorator_of_another_package_registers_nothing_whatever_it_is_given(tmp_path):
    text = (
        "from dataclasses import dataclass\nFROZEN = True\n@dataclass(frozen=FROZEN)\nclass Other:\n    x: int = {}\n"
        "def main():\n    return 1\n"
    )
    assert len({digest(tmp_path / value, {"train": text.format(value), "__init__": ""}) for value in "12"}) == 1


def test_a_cut_is_not_followed_and_a_further_root_is(tmp_path):
    cut = {"cuts": ["lib.losses:tripled"]}
    deeper = edited("losses", "doubled(x) + x", "doubled(x) - x")
    roots = ["lib.train:main", "lib.losses:tripled"]
    assert digest(tmp_path / "a", PACKAGE, **cut) == digest(tmp_path / "b", deeper, **cut)
    assert digest(tmp_path / "a", PACKAGE, *roots, **cut) != digest(tmp_path / "b", deeper, *roots, **cut)
    assert digest(tmp_path / "a", PACKAGE, **cut) != digest(tmp_path / "b", PACKAGE)
    assert digest(tmp_path / "a", PACKAGE, *roots, **cut) == digest(tmp_path / "b", PACKAGE, *reversed(roots), **cut)


SPEAKING = """
import logging

from tqdm import tqdm

from lib.errors import Fault

LOG = logging.getLogger(__name__)


def main(rows):
    if not rows:
        raise Fault({text}, described(rows))
    with tqdm(rows, desc={text}) as bar:
        for row in bar:
            bar.set_postfix(note={text})
    said(bar, rows)
    LOG.warning({text})
    print({text})
    return {value}


def said(bar: "tqdm[int]", rows):
    bar.update({text})


def described(rows):
    return {text}
"""


def test_what_is_said_to_the_user_does_not_count(tmp_path):
    def spoken(folder: str, text: str, value: str, silent: bool = True) -> str:
        mute = {"print": "texts", "tqdm.tqdm": "keywords", "logging.getLogger": "all", "lib.errors:Fault": "all"}
        return digest(
            tmp_path / folder,
            {
                "train": SPEAKING.format(text=text, value=value),
                "__init__": "",
                "errors": "class Fault(Exception):\n    pass\n",
            },
            mute=mute if silent else {},
        )

    assert spoken("a", "'one'", "1") == spoken("b", "'two'", "1")
    assert spoken("a", "'one'", "1") != spoken("c", "'one'", "2")
    assert spoken("a", "'one'", "1", silent=False) != spoken("b", "'two'", "1", silent=False)


def test_a_call_whose_result_is_printed_counts(tmp_path):
    text = (
        "def main(rows):\n    print('done:', ', '.join(str(taken(row)) for row in rows), len(rows))\n"
        "def taken(row):\n    return {}\n"
    )
    assert (
        len(
            {
                digest(tmp_path / value, {"train": text.format(value), "__init__": ""}, mute={"print": "texts"})
                for value in "12"
            }
        )
        == 2
    )


def test_of_a_command_line_all_but_its_help_counts(tmp_path):
    text = "def main(parser):\n    parser.add_argument('--seed', default={default}, help={help})\n    return parser\n"
    first, other, told = (
        digest(
            tmp_path / name,
            {"train": text.format(default=default, help=told), "__init__": ""},
            mute={".add_argument": "help"},
        )
        for name, default, told in (("a", 1, 1), ("b", 2, 1), ("c", 1, 2))
    )
    assert first == told != other


def test_what_a_progress_bar_runs_over_counts(tmp_path):
    text = "from tqdm import tqdm\ndef main(rows):\n    return [row for row in tqdm(rows[:{}], desc='x')]\n"
    assert (
        len(
            {
                digest(tmp_path / value, {"train": text.format(value), "__init__": ""}, mute={"tqdm.tqdm": "keywords"})
                for value in "12"
            }
        )
        == 2
    )


def test_a_file_beside_the_code_counts_by_its_bytes(tmp_path):
    lib = code(tmp_path, PACKAGE)
    (tmp_path / "page.html").write_text("one")
    first = lib.fingerprint(["lib.train:main"], ["page.html"])
    (tmp_path / "page.html").write_text("two")
    assert len({first, lib.fingerprint(["lib.train:main"], ["page.html"]), lib.fingerprint(["lib.train:main"])}) == 3


BLIND = {
    "import_module": "import importlib\ndef main(name):\n    return importlib.import_module(name)\n",
    "globals": "def main(name):\n    return globals()[name]\n",
    "__file__": "from pathlib import Path\ndef main():\n    return Path(__file__).parent\n",
    "star import": "from lib.numbers import *\ndef main():\n    return seven()\n",
    "subclasses": "class A:\n    pass\ndef main():\n    return A.__subclasses__()\n",
    "told of its subclasses": "class A:\n    def __init_subclass__(cls):\n        pass\ndef main():\n    return A\n",
    "invalid syntax": "def main(:\n    pass\n",
    "has no eight": "from lib.numbers import eight\ndef main():\n    return eight()\n",
}


@pytest.mark.parametrize(("named", "text"), BLIND.items(), ids=BLIND)
def test_what_the_tree_does_not_tell_is_refused_by_name(tmp_path, named, text):
    with pytest.raises(Unseen, match=named):
        digest(tmp_path, PACKAGE | {"train": text})


def test_a_root_and_a_cut_that_are_not_there_are_named(tmp_path):
    with pytest.raises(Unseen, match=r"lib\.train:mian"):
        digest(tmp_path, PACKAGE, "lib.train:mian")
    with pytest.raises(Unseen, match=r"lib\.losses:\*Params"):
        digest(tmp_path, PACKAGE, cuts=["lib.losses:*Params"])
    with pytest.raises(Unseen, match=r"lib\.nowhere"):
        digest(tmp_path, PACKAGE, cuts=["lib.nowhere:*"])


def test_reached_lists_what_counts(tmp_path):
    reached = {str(one) for one in code(tmp_path, PACKAGE).reached(["lib.train:main"])}
    assert reached == {
        "lib.train:main",
        "lib.train:RATE",
        "lib.losses:Loss",
        "lib.losses:tripled",
        "lib.numbers:doubled",
        "lib.numbers:FACTOR",
        "lib.rows:read",
        "lib.rows:even",
        "lib.rows:odd",
        "lib.late:finish",
    }
