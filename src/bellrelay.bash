# Completion of bellrelay(1) for bash.  All of it is asked of the program: the
# commands and options of its help, the names of the configuration, the ids of
# the spool.  What the program may not read completes to nothing.

# asked is the program and its -c.
_bellrelay_ask() {
	"${asked[@]}" "$@" 2>/dev/null </dev/null
}

# The names of the sections of one kind.
_bellrelay_sections() {
	_bellrelay_ask check | sed -n "s/^$1 \([a-z0-9_-]*\) {\$/\1/p"
}

# What may stand where the help has the word $1.
_bellrelay_values() {
	case $1 in
	SOURCE | S) _bellrelay_sections source ;;
	DESTINATION | NEW) _bellrelay_sections destination ;;
	ALERT) _bellrelay_ask list | sed -n 's/^\([0-9a-f]\{12,\}\) .*/\1/p' ;;
	SAMPLE) _bellrelay_ask "$command" "${operands[0]}" | sed 's/ .*//' ;;
	esac
}

# What stands behind a first word; what was typed is no program for anything.
_bellrelay_after() {
	local first rest

	while read -r first rest; do
		[[ $first != "$1" ]] || printf '%s\n' "$rest"
	done
}

# The options of the command, each with the word that follows it.
_bellrelay_options() {
	if [[ -n $command ]]; then
		_bellrelay_ask "$command" --help | sed -n '/^OPTIONS/,/^EXIT/p'
	else
		printf '  %s  \n' '-c FILE' --help --version
	fi | sed -n 's/^  \(-[a-z-]*\) \([A-Z]*\) .*/\1 \2/p'
}

# The operands of the command, in order.
_bellrelay_operands() {
	_bellrelay_ask --help | sed -n 's/^  //p' | _bellrelay_after "$command" |
		sed 's/--[a-z-]* [A-Z]*//g; s/--[a-z-]*//g' | grep -o '[A-Z][A-Z]*'
}

# Reads the words before the cursor: sets command, operands, and due, which is
# what the help calls the value that an option still wants.
_bellrelay_read() {
	local i word option=

	for ((i = 1; i < COMP_CWORD; i++)); do
		word=${COMP_WORDS[i]}
		if [[ -n $due ]]; then
			[[ $option != -c ]] || asked+=(-c "${word/#\~\//$HOME/}")
			due=
		elif [[ $word == -?* ]]; then
			option=$word
			due=$(_bellrelay_options | _bellrelay_after "$word")
		elif [[ -z $command ]]; then
			command=$word
		else
			operands+=("$word")
		fi
	done
}

_bellrelay() {
	local cur=${COMP_WORDS[COMP_CWORD]} command= due= operands=() words
	local asked=("${COMP_WORDS[0]/#\~\//$HOME/}") IFS=$' \t\n'

	_bellrelay_read
	if [[ -z $due && $cur != -* && -n $command ]]; then
		words=($(_bellrelay_operands))
		due=${words[${#operands[@]}]}
	fi
	if [[ $due == FILE || $due == F ]]; then
		IFS=$'\n'
		COMPREPLY=($(compgen -f -- "$cur"))
		compopt -o filenames 2>/dev/null
		return
	elif [[ -n $due ]]; then
		words=$(_bellrelay_values "$due")
	elif [[ $cur == -* ]]; then
		words=$(_bellrelay_options | sed 's/ .*//')
	elif [[ -z $command ]]; then
		compopt -o nosort 2>/dev/null
		words=$(_bellrelay_ask --help | sed -n 's/^  \([a-z][a-z]*\)\( .*\)*$/\1/p')
	else
		words=
	fi
	COMPREPLY=($(compgen -W "$words" -- "$cur"))
}

complete -F _bellrelay bellrelay
