# Turns the files src/printable/VERSION.txt into a C table: from which code
# point on which of the versions print.  For any awk.

function fatal(text) {
	print "printable.awk: " text > "/dev/stderr"
	bad = 1
	exit 1
}

function hex(s,    n, i, digit) {
	if (s == "" || length(s) > 6)
		fatal(FILENAME ":" FNR ": " s ": no code point")
	for (i = 1; i <= length(s); i++) {
		digit = index("0123456789abcdef", substr(s, i, 1))
		if (digit == 0)
			fatal(FILENAME ":" FNR ": " s ": no code point")
		n = n * 16 + digit - 1
	}
	return n
}

# What to sort a version by.  The first is what senders are likeliest to have.
function rank(version,    part) {
	if (version == "14.0")
		return 0
	split(version, part, ".")
	return part[1] * 1000 + part[2]
}

FNR == 1 {
	name = FILENAME
	sub(/.*\//, "", name)
	sub(/\.txt$/, "", name)
	if (name !~ /^[0-9]+\.[0-9]+$/)
		fatal(FILENAME ": not named after a Unicode version")
	for (t = tables++; t > 0 && rank(version[t - 1]) > rank(name); t--)
		version[t] = version[t - 1]
	version[t] = name
	edges[name] = 0
}

/^#/ { next }

# A range is two edges: its first code point and the one behind its last.
{
	for (i = 1; i <= NF; i++) {
		ends = split($i, end, "-")
		from = hex(end[1])
		to = hex(end[ends])
		if (ends > 2 || from > to || from < 128 || to > 1114111 ||
		    (edges[name] > 0 && from <= edge[name, edges[name]]))
			fatal(FILENAME ":" FNR ": " $i ": no range, or out of order")
		edge[name, ++edges[name]] = from
		edge[name, ++edges[name]] = to + 1
	}
}

# The least edge that is left, or past all code points.
function least(    t, v, low) {
	low = 1114113
	for (t = 0; t < tables; t++) {
		v = version[t]
		if (at[v] < edges[v] && edge[v, at[v] + 1] < low)
			low = edge[v, at[v] + 1]
	}
	return low
}

END {
	if (bad)
		exit 1
	if (tables == 0 || tables > 31)
		fatal(tables + 0 " versions; 1 to 31 are wanted")
	print "/* Made by printable.awk; do not edit. */"
	print "#include <stdint.h>\n"
	print "static const char *const printable_versions[] = {"
	for (t = 0; t < tables; t++)
		printf "\t\"%s\",\n", version[t]
	print "};\n"
	print "/* From a code point to the next: a bit for each that prints. */"
	print "static const struct {"
	print "\tuint32_t from;"
	print "\tuint32_t printed;"
	print "} printable_ranges[] = {\n\t{ 0x80, 0 },"
	while ((low = least()) <= 1114112) {
		printed = 0
		bit = 1
		for (t = 0; t < tables; t++) {
			v = version[t]
			if (at[v] < edges[v] && edge[v, at[v] + 1] == low)
				at[v]++
			if (at[v] % 2 == 1)
				printed += bit
			bit *= 2
		}
		printf "\t{ 0x%x, 0x%x },\n", low, printed
	}
	print "};"
}
