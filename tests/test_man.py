"""The man pages, held against the programs, the tree and README."""

import re
import subprocess

import pytest

import test_readme as readme
from test_readme import COMMANDS, KINDS, SRC, assert_default, codes, run

PAGES = ("bellrelay.1", "bellrelay.conf.5", "bellrelay.fcgi.8")
SOURCE = {name: (SRC / name).read_text("utf-8") for name in PAGES}


def render(text):
    """As a reader sees it, without overstriking, and never broken."""
    done = subprocess.run(
        ["mandoc", "-T", "ascii", "-O", "width=400"],
        input=text, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return re.sub(".\b", "", done.stdout)


def part(text, macro, title):
    """What stands below a heading, up to the next of its rank or above."""
    ends = r"\.S[hs] " if macro == "Ss" else r"\.Sh "
    found = re.search(
        rf"(?ms)^\.{macro} {re.escape(title)}$\n(.*?)(?=^{ends}|\Z)", text
    )
    assert found, f"no .{macro} {title}"
    return found.group(1)


def items(text):
    """The outermost items of lists: the line of .It, and what it says."""
    found = []
    depth = 0
    for line in text.splitlines():
        if depth > 0 and line == ".El":
            depth -= 1
        if depth == 1 and line.startswith(".It"):
            found.append((line, []))
        elif depth > 0 and found:
            found[-1][1].append(line)
        if line.startswith(".Bl "):
            depth += 1
    return [(head, "\n".join(lines) + "\n") for head, lines in found]


def plain(line):
    """A line of mdoc as it is read."""
    page = f".Dd January 1, 2026\n.Dt X 1\n.Os\n.Sh NAME\n{line}\n"
    return render(page).split("NAME\n")[1].splitlines()[0].strip()


@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_good_mdoc(page):
    done = subprocess.run(
        ["mandoc", "-T", "lint", "-W", "warning", SRC / page],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@pytest.mark.parametrize("page", PAGES)
def test_what_it_refers_to_is_there_or_debians(page):
    others = ("cat", "cron", "crontab", "ls", "spawn-fcgi", "systemd.service")
    for name, section in re.findall(r"(?m)^\.Xr (\S+) (\d)", SOURCE[page]):
        assert f"{name}.{section}" in PAGES or name in others


# ---- bellrelay(1) ----


def told_commands():
    """Name to (usage, what is said of it)."""
    found = {}
    for head, text in items(part(SOURCE["bellrelay.1"], "Sh", "COMMANDS")):
        usage = plain(head.replace(".It Ic", ".Ic")).split(" ", 1)
        assert usage[0] not in found
        found[usage[0]] = (usage[1] if len(usage) > 1 else "", text)
    return found


TOLD = told_commands()


def test_every_command_stands_in_it_with_its_usage():
    assert {name: usage for name, (usage, _) in TOLD.items()} == COMMANDS


@pytest.mark.parametrize("name", COMMANDS)
def test_its_options_are_those_of_its_help(name):
    said = run(name, "--help").stdout.split("OPTIONS\n")[1]
    want = re.findall(r"(?m)^  (--[a-z-]+(?: [A-Z]+)?) ", said)
    told = [
        plain(head.replace(".It Fl", ".Fl"))
        for head, _ in items(TOLD[name][1])
    ]
    assert told == [o for o in want if o not in ("--help", "--version")]


@pytest.mark.parametrize("name", COMMANDS)
def test_its_exit_statuses_are_those_of_its_help(name):
    told = re.search(r"(?m)^Exit status: ([0-9, ]+)\.$", TOLD[name][1])
    assert told, name
    assert {int(n) for n in told.group(1).split(", ")} == codes(name) - {64}


def test_each_exit_status_is_explained_and_no_other():
    listed = items(part(SOURCE["bellrelay.1"], "Sh", "EXIT STATUS"))
    told = {int(head.split()[1]) for head, _ in listed}
    assert told == set.union({64}, *(codes(name) for name in COMMANDS))


# ---- bellrelay.conf(5) ----

CONF = SOURCE["bellrelay.conf.5"]
ROWS = (SRC / "row.c").read_text()

#: A table of row.c, and where its rows are described.
TITLES = {
    "top": "Outside of sections",
    "table": "Section table PATTERN",
}
TABLES = re.findall(r"(?m)^static const struct row (\w+)_rows\[\] = {", ROWS)


def title_of(table):
    return TITLES.get(table, f"Section {table} NAME")


def reference(title):
    """Name to (type, default), in README's words."""
    found = {}
    for head, text in items(part(CONF, "Ss", title)):
        words = re.fullmatch(r"\.It Cm ([a-z_]+) No = (Ar|Cm) (.*)", head)
        assert words, head
        name, what, kind = words.groups()
        assert name not in found
        if what == "Cm":
            kind = set(kind.split(" | "))
        found[name] = (kind, default_of(name, text))
        assert text.count("\n") > 1, f"{name}: nothing is said of it"
    return found


def default_of(name, text):
    line = text.splitlines()[0]
    if line == "Default: the source's name.":
        return "its name"
    if line in ("Required.", "No default."):
        return "required" if line == "Required." else "none"
    told = re.fullmatch(r"Default: (.+)\.", line)
    assert told, f"{name}: {line}"
    return f"`{told.group(1)}`"


def rows_of(table):
    """The names in a table of row.c; some are made by a macro."""
    body = re.search(
        rf"(?ms)^static const struct row {table}_rows\[\] = {{\n(.*?)^}};", ROWS
    ).group(1)
    return re.findall(r'(?m)^\t(?:{ "|PATTERNS\()([a-z_]+)', body)


def as_in_readme(kind):
    """A type as README words it."""
    words = re.split(r", | or ", kind)
    if len(words) > 1:
        return set(words)
    return kind.replace("`", "").removeprefix("a ")


def test_every_table_of_options_has_a_part():
    told = re.findall(r"(?m)^\.Ss (.*)$", part(CONF, "Sh", "OPTIONS"))
    want = [title_of(table) for table in TABLES]
    assert {"top", "destination", "source", "route", "table"} <= set(TABLES)
    assert sorted(told) == sorted(want + [f"Kind {kind}" for kind in KINDS])


@pytest.mark.parametrize("table", TABLES)
def test_every_option_stands_in_its_part(table):
    assert sorted(reference(title_of(table))) == sorted(rows_of(table))


@pytest.mark.parametrize("kind", KINDS)
def test_every_option_of_a_kind_stands_in_its_part(kind):
    assert sorted(reference(f"Kind {kind}")) == sorted(KINDS[kind])


@pytest.mark.parametrize(
    "title", [*readme.SECTIONS, *(f"### Kind `{kind}`" for kind in KINDS)]
)
def test_types_and_defaults_are_those_of_readme(title):
    mine = title.lstrip("# ").replace("`", "")
    table = readme.SECTIONS.get(title)
    told = reference(title_of(table.removesuffix("_rows")) if table else mine)
    assert told == {
        name: (as_in_readme(kind), default)
        for name, (kind, default) in readme.reference(title).items()
    }


@pytest.mark.parametrize("table", ["top", "destination", "source"])
def test_defaults_are_those_that_check_prints(tmp_path, table):
    printed = readme.effective(tmp_path, "montecarlo")[f"{table}_rows"]
    for name, (_, told) in reference(title_of(table)).items():
        assert_default(name, told, printed.get(name))


def test_the_words_of_a_choice_are_those_of_the_program():
    found = re.findall(
        r'{ "([a-z_]+)", CHOICE, FIELD\([^{]*{ ("[^}]*") } }', ROWS
    )
    assert len(found) > 3
    told = {}
    for table in TABLES:
        told.update(reference(title_of(table)))
    for name, words in found:
        assert told[name][0] == set(re.findall(r'"([^"]*)"', words)), name


def test_its_example_is_fine(tmp_path):
    example = re.search(r"(?ms)^\.Bd -literal\n(.*?)^\.Ed$", CONF).group(1)
    readme.check(tmp_path, example)


def test_it_is_looked_for_where_the_pages_say():
    source = (SRC / "conf.c").read_text()
    for page in ("bellrelay.1", "bellrelay.conf.5"):
        files = part(SOURCE[page], "Sh", "FILES")
        for path in re.findall(r"(?m)^\.It Pa (\S+)$", files):
            assert path.removeprefix("~") in source, path


# ---- bellrelay.fcgi(8) ----

FCGI = SOURCE["bellrelay.fcgi.8"]


def test_the_answers_are_those_that_can_be_given():
    source = (SRC / "answer.c").read_text()
    body = re.search(r"(?s)\} statuses\[\] = {(.*?)};", source).group(1)
    listed = items(part(FCGI, "Ss", "Answers"))
    assert [head.split()[1] for head, _ in listed] == re.findall(
        r"{ (\d{3}), ", body
    )


def test_the_spool_is_drawn_as_in_readme():
    listed = items(part(FCGI, "Sh", "FILES"))
    told = [head.removeprefix(".It Pa ") for head, _ in listed]
    drawn = next(b for b in readme.blocks("") if b.startswith("README "))
    assert told == [line.split()[0] for line in drawn.splitlines()]


def test_it_ends_by_the_signals_that_it_names():
    source = (SRC / "responder.c").read_text()
    caught = re.findall(r"sigaddset\(&ends, (SIG\w+)\)", source)
    told = part(FCGI, "Ss", "Signals")
    assert sorted(re.findall(r"SIG\w+", told)) == sorted(caught)


@pytest.mark.parametrize("page", PAGES)
def test_variables_that_are_named_are_asked_for(page):
    source = "".join(path.read_text() for path in SRC.glob("*.c"))
    for line in re.findall(r"(?m)^\.It Ev (.*)$", SOURCE[page]):
        for name in line.split(" , "):
            assert f'getenv("{name}")' in source, name

