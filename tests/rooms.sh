#!/bin/sh
# The architecture, checked: arrows point down, domain and io never meet, each
# library is known to one file, only app asks the clock, some functions are
# never called.  When this complains, move the code, not the check.
set -eu
cd "$(dirname "$0")/../src"

base='arena array buf clean fail memory near scan'
codec='display json pyrepr seal sign tree when zone'
domain='dbt dbttext draft edrtext elementary event fivetran generic incidentio match mctext montecarlo mute option pace proof reply route sample source standard summary table template ticket window wording'
io='counters fence file journal lock log post spool'
app='aim answer backlog browse catalog check checkup command conf deliver diary doctor drain finding forward health hush keep look metrics migrate orphan owner pending pick plain preview prove reach refusals rehearse relay replay request row sandbox secret settings setup story sweep tend trial turn verify watch webhook wiring'
doors='ctl responder'

bad=0
complain() {
	echo "rooms: $*" >&2
	bad=1
}

floor() {
	for f in base codec domain io app doors; do
		eval "rooms=\$$f"
		case " $rooms " in *" $1 "*) echo $f; return;; esac
	done
	echo none
}

# may FROM TO: whether a room on floor FROM may include one on floor TO.
may() {
	case $1:$2 in
	base:base | codec:base | codec:codec) ;;
	domain:base | domain:codec | domain:domain) ;;
	io:base | io:codec | io:io) ;;
	app:base | app:codec | app:domain | app:io | app:app) ;;
	doors:doors | doors:base | doors:codec | doors:domain | doors:io | doors:app) ;;
	*) return 1 ;;
	esac
}

for f in *.c *.h; do
	room=${f%.*}
	here=$(floor "$room")
	[ "$here" != none ] || complain "$f is in no room"
	for to in $(sed -n 's/^#include "\([a-z]*\)\.h"$/\1/p' "$f"); do
		there=$(floor "$to")
		[ "$there" != none ] || continue
		may "$here" "$there" || complain "$f ($here) includes $to.h ($there)"
	done
done

# only PATTERN FILES: lines that match stand in no other file.
only() {
	pattern=$1
	shift
	for f in *.c *.h; do
		case " $* " in *" $f "*) continue;; esac
		if grep -nE "$pattern" "$f" /dev/null >&2; then
			complain "$f: only $* may say $pattern"
		fi
	done
}

only '<(fcgiapp|fcgi_stdio|fcgios)\.h>' responder.c
only '<json-c|<json\.h>' json.c
only '<openssl/' sign.c
only '<curl/' post.c
only '<confuse\.h>' settings.c
only '\b(time|clock_gettime|gettimeofday|ftime)\(' \
	relay.c look.c health.c responder.c ctl.c
only '\b(malloc|calloc|realloc|strdup|strndup|asprintf|vasprintf)\(' memory.c
only '\b(strcpy|strcat|sprintf|vsprintf|strncpy|strtok|atoi|atol|gets|localtime|system|popen)\(' none
only '<ctype\.h>' none

[ $bad = 0 ] && echo 'rooms: the arrows point down'
exit $bad
