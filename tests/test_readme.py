"""README.md, held against the programs and the tree."""

import os
import pathlib
import re
import subprocess

import pytest

from world.site import BIN, ROOT, environment

TEXT = (ROOT / "README.md").read_text("utf-8")
SRC = ROOT / "src"
PROGRAM = BIN / "bellrelay"


# ---- reading the README ----


def section(title):
    """What stands below a heading, up to the next of its rank."""
    marks, _ = title.split(" ", 1)
    found = re.search(
        rf"(?ms)^{re.escape(title)}$\n(.*?)(?=^#{{1,{len(marks)}}} |\Z)", TEXT
    )
    assert found, f"README has no {title!r}"
    return found.group(1)


def tables(text):
    """The tables of a piece, each as a list of rows of cells."""
    all_of_them = []
    fresh = True
    for line in text.splitlines():
        if not line.startswith("|"):
            fresh = True
            continue
        cells = [
            cell.strip().replace(r"\|", "|")
            for cell in re.split(r"(?<!\\)\|", line.strip("| "))
        ]
        if fresh:
            all_of_them.append([])
            fresh = False
        elif not set("".join(cells)) <= set("-: "):
            all_of_them[-1].append(cells)
    return all_of_them


def reference(title):
    """Of a table of options: name to (type, default)."""
    rows = tables(section(title))[0]
    names = [row[0].strip("`") for row in rows]
    assert len(names) == len(set(names)), f"{title}: a name stands there twice"
    return {row[0].strip("`"): (row[1], row[2]) for row in rows}


FENCED = r"(?ms)^```(\w*)\n(.*?)^```$"


def blocks(language):
    """The code blocks of a language, in order."""
    return [text for name, text in re.findall(FENCED, TEXT) if name == language]


def spans():
    """What stands in back quotes outside of blocks."""
    return re.findall(r"`([^`\n]+)`", re.sub(FENCED, "", TEXT))


# ---- asking the program ----


def run(*args):
    return subprocess.run(
        [PROGRAM, *args], env=environment(), stdin=subprocess.DEVNULL,
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def commands():
    """The usage of each, by name, as --help has it."""
    said = run("--help").stdout
    lines = re.findall(r"(?m)^  ([a-z]+)(?: (.*))?$", said)
    return {name: usage.strip() for name, usage in lines}


COMMANDS = commands()


def codes(command):
    said = run(command, "--help").stdout.split("EXIT STATUS\n")[1]
    return {int(code) for code in re.findall(r"(?m)^  (\d+) ", said)}


# ---- configurations ----


def place(directory, text):
    """A configuration of README in a directory of its own: the spool and the
    files that it names are made there."""
    spool = directory / "spool"
    spool.mkdir(mode=0o700)
    text = text.replace('"/var/spool/bellrelay"', f'"{spool}"')
    for name in re.findall(r'_file\s*=\s*"([^"]+)"', text):
        path = directory / name
        assert path.parent == directory, f"{name}: not beside the file"
        # Base64, which some proofs want.
        path.write_text("c29tZXRoaW5nIHNlY3JldA==\n")
        path.chmod(0o600)
    path = directory / "bellrelay.conf"
    path.write_text(text.replace("YOUR-ALERT-SOURCE", "01ABC"))
    path.chmod(0o644)
    return path


def check(directory, text):
    done = run("-c", place(directory, text), "check")
    assert done.returncode == 0, done.stderr
    return done


def test_the_first_configuration_is_whole_and_fine(tmp_path):
    done = check(tmp_path, blocks("conf")[0])
    assert "warning: destination" not in done.stderr
    assert "warning: source" not in done.stderr


@pytest.mark.parametrize("number", range(1, len(blocks("conf"))))
def test_the_others_fit_behind_the_first(tmp_path, number):
    done = check(tmp_path, blocks("conf")[0] + blocks("conf")[number])
    assert "warning: source" not in done.stderr


def test_there_is_more_than_one_configuration():
    assert len(blocks("conf")) >= 2


# ---- options ----


def rows_of(table):
    """The names in one of the tables of row.c, and which must be given."""
    source = (SRC / "row.c").read_text()
    body = re.search(
        rf"(?ms)^static const struct row {table}\[\] = {{\n(.*?)^}};", source
    ).group(1)
    return re.findall(r'(?m)^\t{ "([a-z_]+)",', body)


def kinds():
    """The options of each kind, from its adapter's table."""
    found = {}
    for path in sorted(SRC.glob("*.c")):
        text = path.read_text()
        name = re.search(
            r'(?ms)^const struct source_kind \w+ = {\n\t\.name = "(\w+)"', text
        )
        table = re.search(
            r"(?ms)^static const struct option options\[\] = {\n(.*?)^};", text
        )
        if name:
            found[name.group(1)] = (
                re.findall(r'{ "([a-z_]+)", OPTION_', table.group(1))
                if table
                else []
            )
    return found


KINDS = kinds()
SECTIONS = {
    "### Outside of sections": "top_rows",
    "### `destination NAME`": "destination_rows",
    "### `source NAME`": "source_rows",
    "### `mute NAME`": "mute_rows",
}


def test_every_kind_is_known_to_the_program_and_to_readme():
    listed = (SRC / "source.c").read_text()
    body = re.search(r"(?s)source_kinds\[\] = {(.*?)NULL", listed).group(1)
    assert set(re.findall(r"&source_(\w+)", body)) == set(KINDS)
    assert "montecarlo" in KINDS
    told = re.findall(r"(?m)^### Kind `(\w+)`$", TEXT)
    assert sorted(told) == sorted(KINDS)


@pytest.mark.parametrize("title", SECTIONS)
def test_every_option_stands_in_its_table_and_no_other(title):
    want = rows_of(SECTIONS[title])
    assert len(want) > 5
    assert sorted(reference(title)) == sorted(want)


@pytest.mark.parametrize("kind", KINDS)
def test_every_option_of_a_kind_stands_in_its_table(kind):
    if KINDS[kind]:
        assert sorted(reference(f"### Kind `{kind}`")) == sorted(KINDS[kind])


def effective(directory, kind):
    """What check prints of a configuration with nothing but what it must
    have, by section: name to value."""
    said = check(
        directory,
        'spool = "/var/spool/bellrelay"\n'
        'destination to { url = "https://localhost/" token_file = "t" }\n'
        f"source probe {{ kind = {kind} destination = {{ to }} }}\n"
        "mute probe { }\n",
    ).stdout
    found = {table: {} for table in SECTIONS.values()}
    at = "top_rows"
    for line in said.splitlines():
        head = re.fullmatch(r"(destination|source|mute) \w+ {", line)
        if head:
            at = head.group(1) + "_rows"
        option = re.fullmatch(r"\t?([a-z_]+) = (.*)", line)
        if option:
            found[at][option.group(1)] = option.group(2)
    return found


def assert_default(name, told, printed):
    """What README says is the default, against what check printed."""
    if told == "required":
        return
    if printed is None or printed == '""':
        want = "none"
    elif told == "its name":
        assert printed == '"probe"'
        return
    else:
        want = "`" + printed.strip('"') + "`"
    assert told == want, f"{name}: README says {told}, check says {printed}"


@pytest.mark.parametrize("title", SECTIONS)
def test_every_default_is_the_one_that_check_prints(tmp_path, title):
    printed = effective(tmp_path, "montecarlo")[SECTIONS[title]]
    for name, (_, told) in reference(title).items():
        assert_default(name, told, printed.get(name))


@pytest.mark.parametrize("kind", [k for k in KINDS if KINDS[k]])
def test_so_is_every_default_of_a_kind(tmp_path, kind):
    printed = effective(tmp_path, kind)["source_rows"]
    for name, (_, told) in reference(f"### Kind `{kind}`").items():
        assert_default(name, told, printed.get(name))


MUST = {
    "spool": 'spool = "/var/spool/bellrelay"\n',
    "url": 'url = "https://localhost/" ',
    "token_file": 'token_file = "t" ',
    "kind": "kind = montecarlo ",
    "destination": "destination = { to } ",
}


def test_what_is_required_is_required(tmp_path):
    told = [
        name
        for title in SECTIONS
        for name, (_, default) in reference(title).items()
        if default == "required"
    ]
    assert sorted(told) == sorted(MUST)
    for name in MUST:
        has = {n: "" if n == name else text for n, text in MUST.items()}
        directory = tmp_path / name
        directory.mkdir()
        done = run(
            "-c",
            place(
                directory,
                f"{has['spool']}destination to "
                f"{{ {has['url']}{has['token_file']}}}\nsource probe "
                f"{{ {has['kind']}{has['destination']}}}\n",
            ),
            "check",
        )
        assert done.returncode == 78
        assert f"{name} is missing" in done.stderr


def choices():
    """Options whose type in README is a choice of words."""
    for title in SECTIONS:
        for name, (kind, _) in reference(title).items():
            words = re.split(r", | or ", kind)
            if len(words) > 1:
                yield SECTIONS[title], name, words


@pytest.mark.parametrize("table,name,words", list(choices()))
def test_each_word_of_a_choice_is_taken(tmp_path, table, name, words):
    for word in words:
        directory = tmp_path / word
        directory.mkdir()
        more = {t: "" for t in SECTIONS.values()}
        more[table] = f" {name} = {word} "
        check(
            directory,
            f"{MUST['spool']}{more['top_rows']}\ndestination to "
            f"{{ {MUST['url']}{MUST['token_file']}"
            f"{more['destination_rows']}}}\nsource probe "
            f"{{ {MUST['kind']}{MUST['destination']}"
            f"{more['source_rows']}}}\n",
        )


def kind_choices():
    for kind in KINDS:
        for name, (words, _) in reference(f"### Kind `{kind}`").items():
            words = re.split(r", | or ", words)
            if len(words) > 1:
                yield kind, name, words


@pytest.mark.parametrize("kind,name,words", list(kind_choices()))
def test_each_word_of_a_kinds_choice_is_taken(tmp_path, kind, name, words):
    for word in words:
        directory = tmp_path / word
        directory.mkdir()
        header = 'header = "X-Proof" ' if word in ("header", "hmac") else ""
        check(
            directory,
            f"{MUST['spool']}destination to {{ {MUST['url']}"
            f"{MUST['token_file']}}}\nsource probe {{ kind = {kind} "
            f'secret_file = "s" {header}{MUST["destination"]}'
            f"{name} = {word} }}\n",
        )


# ---- commands ----


def command_rows():
    for row in tables(section("## Commands"))[0]:
        words = row[0].strip("`").split(" ", 2)
        assert words[0] == "bellrelay"
        yield words[1], words[2] if len(words) > 2 else "", row[2]


def test_every_command_stands_in_the_table_with_its_usage():
    told = {name: usage for name, usage, _ in command_rows()}
    assert told == COMMANDS
    assert list(told) == list(COMMANDS), "in one order"


def test_no_line_of_a_help_ends_in_a_blank():
    for name in [None, *COMMANDS]:
        said = run(*filter(None, [name]), "--help").stdout
        assert not re.search(r"(?m)[ \t]$", said), name


@pytest.mark.parametrize("name,told", [(n, c) for n, _, c in command_rows()])
def test_its_exit_statuses_are_those_of_its_help(name, told):
    assert {int(code) for code in told.split(", ")} == codes(name) - {64}


def test_every_command_can_be_called_wrongly():
    for name in COMMANDS:
        assert run(name, "--no-such-option").returncode == 64


def test_each_exit_status_is_explained():
    rows = tables(section("## Commands"))[0]
    used = {code for row in rows for code in row[2].split(", ")}
    said = section("## Commands").rpartition("|\n")[2]
    explained = set(re.findall(r"(?:^|; |\n)(\d+) ", said.replace("0 is", "0 ")))
    assert used <= explained


def mentioned():
    """Each `bellrelay ...` in the text and in the blocks of shell."""
    for span in spans():
        if span.startswith("bellrelay "):
            yield span
    for block in blocks("sh") + blocks(""):
        yield from re.findall(
            r"(?m)(?:^|\$\(|\* +|www-data +)(?:/usr/local/bin/)?(bellrelay [^>)\n]*)", block
        )


@pytest.mark.parametrize("line", sorted(set(mentioned())))
def test_what_is_said_of_a_command_is_so(line):
    words = line.replace("[-c FILE] ", "").split()
    if words[1] in ("COMMAND", "--help", "--version"):
        return
    assert words[1] in COMMANDS, line
    options = set(re.findall(r"--[a-z-]+", line))
    said = run(words[1], "--help").stdout
    for option in options:
        assert re.search(rf"(?m)^  {option} ", said), option


CRON = r"(?m)^(?:\.Dl |echo ')?[\d*]+ [\d*]+ \* \* \* +(?:www-data +)?(\S+)"


@pytest.mark.parametrize("name", ["README.md", "src/bellrelay.1"])
def test_a_line_for_cron_has_the_whole_path(name):
    """Debian's cron looks in /usr/bin and /bin alone, where sh is."""
    programs = re.findall(CRON, (ROOT / name).read_text("utf-8"))
    assert len(programs) > 1
    assert set(programs) - {"sh"} == {"/usr/local/bin/bellrelay"}


def test_the_line_for_cron_of_shared_hosting_is_the_same_wherever_it_stands():
    (told,) = re.findall(r"(?m)^```\n(.*)\n```$", section("### Shared hosting"))
    assert re.fullmatch(r"\* \* \* \* \* sh bellrelay/\w+", told)
    bundle = ROOT / "other-conf" / "bundle"
    assert (bundle / told.rpartition("/")[2]).exists()
    for name in ("README", "settings", "minute"):
        assert told in (bundle / name).read_text(), name


# ---- answers ----


def test_the_answers_are_those_that_can_be_given():
    source = (SRC / "answer.c").read_text()
    body = re.search(r"(?s)\} statuses\[\] = {(.*?)};", source).group(1)
    want = set(re.findall(r"{ (\d{3}), ", body))
    words = re.search(r"(?s)words\[\] = {(.*?)}", source).group(1)
    rows = tables(section("## Answers to a sender"))[0]
    assert {row[0] for row in rows} == want
    assert {row[1].strip("`") for row in rows} - {""} == set(
        re.findall(r'"(\w+)"', words)
    )


def test_the_reasons_of_healthz_are_those_in_the_table():
    source = "".join(
        path.read_text() for path in (SRC / "health.c", SRC / "pace.c")
    )
    source = re.sub(r'"\s*"', "", source)
    for told in (
        "held", "resting", "dead letters", "three refused in an hour",
        "the changed configuration is broken", "corrupt/", "overdue",
        "cannot be read", "max_pending",
    ):  # fmt: skip
        assert told in section("## Operating it")
        assert told in source


# ---- the page itself ----


def anchor(title):
    """What a heading is linked by."""
    return re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-")


def test_every_link_into_the_page_leads_to_a_heading():
    titles = re.findall(r"(?m)^#+ (.*)$", re.sub(FENCED, "", TEXT))
    anchors = [anchor(title) for title in titles]
    assert len(anchors) == len(set(anchors))
    links = re.findall(r"\]\(#([^)]*)\)", TEXT)
    assert len(links) > 10
    assert set(links) <= set(anchors)


# ---- the tree ----


def test_every_target_of_make_that_is_named_exists():
    named = {
        word
        for span in spans() + blocks("sh")
        for word in re.findall(r"(?m)^make ([a-z-]+)", span)
    }
    makefile = (ROOT / "Makefile").read_text()
    assert "install" in named
    for name in named:
        assert re.search(rf"(?m)^{name}:", makefile), f"make {name}"
    rows = tables(section("## How it is built"))[0]
    assert {"make run", "make check"} <= {row[0].strip("`") for row in rows}


def test_every_file_of_the_tree_that_is_named_exists():
    pattern = r"(?:src|tests|lighttpd-conf|cgi-bin)/[\w./-]*"
    named = re.findall(pattern, TEXT)
    assert len(named) > 10
    for name in named:
        if not name.startswith("cgi-bin"):
            assert (ROOT / name.rstrip(".")).exists(), name


def test_every_room_that_is_named_is_on_its_floor():
    house = blocks("")
    house = next(block for block in house if block.startswith("doors "))
    rooms = (ROOT / "tests" / "rooms.sh").read_text()
    for line in house.splitlines():
        floor, names = line.split(maxsplit=1)
        names = re.split(r" …| {3,}", names)[0].split()
        there = re.search(rf"(?m)^{floor}='(.*)'$", rooms).group(1).split()
        assert names and set(names) <= set(there), floor


def test_the_spool_is_as_drawn(tmp_path):
    check(tmp_path, blocks("conf")[0])
    drawn = next(b for b in blocks("") if b.startswith("README "))
    drawn = [line.split()[0] for line in drawn.splitlines()]
    top = {name.split("/")[0] for name in drawn}
    for path in (tmp_path / "spool").iterdir():
        name = "DESTINATION" if path.name == "oncall" else path.name
        assert name in top
    for path in (tmp_path / "spool" / "oncall").iterdir():
        assert any(
            name.startswith(f"DESTINATION/{path.name}") for name in drawn
        ), path.name


def test_the_metadata_it_tells_to_map_exist():
    source = "".join(path.read_text() for path in SRC.glob("*.c"))
    told = {
        name
        for row in tables(section("## Attributes"))[0]
        for name in re.findall(r"`(\w+)`", row[0])
    }
    first = re.findall(r"`\$\.metadata\.(\w+)`", section("## Quick start"))
    assert first and told >= set(first)
    for name in told:
        assert f'"{name}"' in source, name


def test_variables_that_are_named_exist():
    source = "".join(path.read_text() for path in SRC.glob("*.c"))
    for name in set(re.findall(r"\bBELLRELAY_\w+", TEXT)):
        assert f'"{name}"' in source, name


def test_what_lighttpds_file_says_is_what_readme_says():
    shipped = (ROOT / "lighttpd-conf" / "bellrelay.conf").read_text()
    for path in re.findall(r'(?m)^var\.bellrelay_\w+ = "([^"]+)"', shipped):
        directory = os.fspath(pathlib.Path(path).parent)
        assert directory in TEXT, path


def test_every_ready_configuration_stands_in_the_table_of_senders():
    rows = tables(section("## Other senders"))[0]
    told = {re.search(r"(\w[\w-]*)\.conf", row[1]).group(1) for row in rows}
    shipped = {
        path.stem for path in (SRC / "samples" / "generic").glob("*.conf")
    }
    assert told == shipped
    proofs = {
        "token in the path": "token",
        "header `Authorization: Bearer`": "bearer",
        "HMAC-SHA256 in `x-metaplane-sig`": "hmac",
    }
    for row in rows:
        name = re.search(r"[\w-]+\.conf", row[1])[0]
        text = (SRC / "samples" / "generic" / name).read_text()
        proof = re.search(r"(?m)^\tproof *= (\S+)$", text)[1]
        assert proofs[row[3]] == proof


def test_a_ready_configuration_can_be_included(tmp_path):
    for conf in sorted((SRC / "samples" / "generic").glob("*.conf")):
        directory = tmp_path / conf.stem
        directory.mkdir()
        text = conf.read_text().replace("data-oncall", "oncall")
        (directory / conf.name).write_text(text)
        secret = directory / f"{conf.stem}.secret"
        secret.write_text("c29tZXRoaW5nIHNlY3JldA==\n")
        secret.chmod(0o600)
        check(directory, blocks("conf")[0] + f'include("{conf.name}")\n')


def test_the_lines_that_include_one_do(tmp_path):
    """Word for word, but for where things are and whose."""
    place(tmp_path, blocks("conf")[0])
    (lines,) = (text for text in blocks("sh") if "include(" in text)
    for was, now in (
        ("/usr/local/share/bellrelay", f"{SRC}"),
        ("/etc/bellrelay", f"{tmp_path}"),
        ("-o www-data ", ""),
        ("\nbellrelay try soda soda\n", "\n"),
    ):
        assert was in lines
        lines = lines.replace(was, now)
    done = subprocess.run(
        ["sh", "-ec", lines],
        env=environment(
            PATH=f"{BIN}:{os.environ['PATH']}",
            BELLRELAY_CONFIG=f"{tmp_path}/bellrelay.conf",
        ),
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "source soda {" in done.stdout


def test_the_metadata_that_elementary_documents_can_all_be_mapped():
    rows = tables(section("## Attributes"))[0]
    told = {name for row in rows for name in re.findall(r"`(\w+)`", row[0])}
    assert told >= {
        "severity", "owners", "tags", "environment", "test_description",
        "source", "connector", "failure_reason",
    }  # fmt: skip
