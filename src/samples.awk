# Turns src/samples/list and the bodies that it names into C tables, so that
# the program finds them wherever it is.  For any awk; called with the list.

function fatal(text) {
	print "samples.awk: " text > "/dev/stderr"
	bad = 1
	exit 1
}

# By hand: what gsub makes of a backslash differs from awk to awk.
function quoted(text,    i, c, out) {
	for (i = 1; i <= length(text); i++) {
		c = substr(text, i, 1)
		out = out (c == "\\" || c == "\"" ? "\\" : "") c
	}
	return "\"" out "\""
}

BEGIN {
	n = 0
	print "/* Made by samples.awk; do not edit. */"
}

/^#/ || NF == 0 { next }

NF < 4 { fatal(FILENAME ":" FNR ": wanted kind, name, end and what it shows") }

{
	path = FILENAME
	sub(/[^\/]*$/, "", path)
	path = path $1 "/" $2 ".json"
	lines = 0
	printf "\nstatic const char *const sample_%d[] = {\n", n
	while ((got = (getline line < path)) > 0) {
		printf "\t%s,\n", quoted(line)
		lines++
	}
	close(path)
	if (got < 0 || lines == 0)
		fatal(FILENAME ":" FNR ": " path ": nothing to read")
	print "\tNULL,\n};"
	shows = $0
	sub(/^[^ ]+ +[^ ]+ +[^ ]+ +/, "", shows)
	row[n] = sprintf("\t{ %s, %s, %s,\n\t    %s,\n\t    sample_%d },",
	    quoted($1), quoted($2), $3 == "-" ? "NULL" : quoted($3),
	    quoted(shows), n)
	name[$1, $2] = 1
	ends[n++] = $1 SUBSEP ($3 == "-" ? $2 : $3)
}

END {
	if (bad)
		exit 1
	for (i = 0; i < n; i++)
		if (!(ends[i] in name))
			fatal("no such sample as one that another names as its end")
	print "\nstatic const struct sample samples[] = {"
	for (i = 0; i < n; i++)
		print row[i]
	print "\t{ NULL, NULL, NULL, NULL, NULL },\n};"
}
