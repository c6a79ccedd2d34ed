# Sourced by ./test: runs programs of tests, shows one line for each that passes and everything
# that a failing one said, and adds up.

passed=0 failed=0 skipped=0
log=build/test.log # what the test under way says

# result NAME PASSED FAILED SKIPPED [SECONDS]
result() {
	local words="$2 passed"
	[ "$3" -eq 0 ] || words+=", $3 FAILED"
	[ "$4" -eq 0 ] || words+=", $4 skipped"
	[ -z "$5" ] || words+=" (${5}s)"
	printf '  %-44s %s\n' "$1" "$words"
	passed=$((passed + $2)) failed=$((failed + $3)) skipped=$((skipped + $4))
}

finish() { # finish [WHY IT ENDS EARLY]: the last line, and the exit status
	if [ $# -gt 0 ]; then
		echo "$1" >&2
		failed=$((failed + 1))
	fi
	[ $((passed + failed)) -gt 0 ] || echo "no test of that name"
	if [ "$skipped" -gt 0 ]; then
		echo "$passed passed, $failed failed, $skipped skipped"
	else
		echo "$passed passed, $failed failed"
	fi
	[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
	exit
}

# count_tap FILE: "passed failed skipped" of TAP, one plan or several. A test that was planned and
# didn't report has failed: its program died.
count_tap() {
	awk '
	/^1\.\.[0-9]+/ { planned += substr($0, 4) }
	/^(not )?ok .*# SKIP/ { skip++; next }
	/^ok / { ok++ }
	/^not ok / { bad++ }
	END {
		if (ok + bad + skip < planned)
			bad = planned - ok - skip
		print ok + 0, bad + 0, skip + 0
	}' "$1"
}

# run_tap NAME SECONDS COMMAND...: a program that speaks TAP (cmocka does when asked to)
run_tap() {
	local name=$1 limit=$2 status ok bad skip started=$SECONDS
	shift 2
	CMOCKA_MESSAGE_OUTPUT=TAP timeout -k 10 "$limit" "$@" >"$log" 2>&1 </dev/null
	status=$?
	read -r ok bad skip < <(count_tap "$log")
	if [ $status -eq 124 ] || [ $status -eq 137 ]; then
		echo "# $name: not done after $limit s" >>"$log"
	fi
	if [ $status -ne 0 ] && [ "$bad" -eq 0 ]; then
		echo "# $name: exit status $status" >>"$log"
		bad=1
	fi
	[ "$bad" -eq 0 ] || cat "$log"
	result "$name" "$ok" "$bad" "$skip" $((SECONDS - started))
	[ "$bad" -gt 0 ] || [ "$skip" -eq 0 ] || reasons "$log"
}

reasons() { # what skipped tests said just before they were skipped
	awk '/# SKIP/ { count[said != "" ? said : "it does not say why"]++ }
		{ said = /^(not )?ok |^1\.\./ ? "" : $0 }
		END { for (why in count) print "      skipped " count[why] ": " why }' "$1"
}

# run_pytest NAME FILE
run_pytest() {
	pytest_result "$1" /usr/bin/python3 -B -m pytest -q -rs -p no:cacheprovider "$2"
}

# pytest_result NAME COMMAND...: of what ends with pytest's own words
pytest_result() {
	local name=$1 status last ok bad skip started=$SECONDS
	shift
	timeout -k 10 900 "$@" >"$log" 2>&1 </dev/null
	status=$?
	last=$(grep -E '^=*.*[0-9]+ (passed|failed|skipped|error)' "$log" | tail -n 1)
	ok=$(number passed "$last") skip=$(number skipped "$last")
	bad=$(($(number failed "$last") + $(number 'errors?' "$last")))
	if [ $status -ne 0 ] && [ $status -ne 5 ] && [ "$bad" -eq 0 ]; then
		echo "# $name: exit status $status" >>"$log"
		bad=1
	fi
	[ "$bad" -eq 0 ] || cat "$log"
	result "$name" "$ok" "$bad" "$skip" $((SECONDS - started))
	[ "$bad" -gt 0 ] || awk '/^SKIPPED \[/ { n = substr($2, 2) + 0; $1 = $2 = $3 = ""; count[$0] += n }
		END { for (why in count) print "      skipped " count[why] ":" substr(why, 3) }' "$log"
}

number() { # number WORD LINE: the N of "N WORD" in a line of pytest's, 0 if it isn't there
	local n
	n=$(printf '%s\n' "$2" | grep -oE "[0-9]+ $1" | head -n 1)
	printf '%d' "${n%% *}"
}
