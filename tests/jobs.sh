# Sourced by ./test: several tests at once. What is started here is a command that tells results
# (tests/count.sh); it has its log to itself, and what it tells is shown and added up when it has ended.
#
#	begin COMMAND...         beside others, once fewer than $slots of them run
#	settle                   waits for all of those
#	alone COMMAND...         has the machine to itself, but for the one behind
#	begin_behind COMMAND...  takes only the processor time that nobody else wants; one at a time
#	end_behind               waits for it

processors=$(nproc)
[ "$processors" -le 4 ] || processors=4
slots=$processors   # right for what computes
begun=0             # gives each a number
behind=             # the process behind
declare -A number=() # process -> number, of those beside each other and the one behind

launch() { # its process is then $!
	local files=build/jobs/$((++begun))
	mkdir -p build/jobs
	rm -f $files.counts
	(
		trap - EXIT
		passed=0 failed=0 skipped=0 log=$files.log
		"$@"
		echo "$passed $failed $skipped" >$files.counts
	) >$files.told 2>&1 </dev/null &
	number[$!]=$begun
	trap end_all EXIT
}

end_all() { # what still runs when ./test itself is ended
	local process
	for process in "${!number[@]}"; do
		kill $(pgrep -P "$process") "$process" 2>/dev/null
	done
}

show() { # show PROCESS, which has ended. One that left no counts was killed.
	local files=build/jobs/${number[$1]} ok=0 bad=1 skip=0
	unset "number[$1]"
	[ ! -e $files.counts ] || read -r ok bad skip <$files.counts
	cat $files.told
	passed=$((passed + ok)) failed=$((failed + bad)) skipped=$((skipped + skip))
}

beside() { # the processes that are not behind
	local process
	for process in "${!number[@]}"; do
		[ "$process" = "$behind" ] || echo "$process"
	done
}

wait_for_one() { # wait_for_one PROCESS...
	local ended
	wait -n -p ended "$@"
	show "${ended:-$1}"
}

begin() {
	local now
	mapfile -t now < <(beside)
	[ ${#now[@]} -lt "$slots" ] || wait_for_one "${now[@]}"
	launch "$@"
}

settle() {
	local now
	mapfile -t now < <(beside)
	while [ ${#now[@]} -gt 0 ]; do
		wait_for_one "${now[@]}"
		mapfile -t now < <(beside)
	done
}

alone() {
	settle
	"$@"
}

at_leisure() {
	chrt --idle --pid 0 $BASHPID 2>/dev/null || renice -n 19 $BASHPID >/dev/null
	"$@"
}

begin_behind() {
	launch at_leisure "$@"
	behind=$!
}

hurry() { # hurry PROCESS: it and all below it are like others from now on
	local child
	chrt --other --pid 0 "$1" 2>/dev/null
	for child in $(pgrep -P "$1"); do hurry "$child"; done
}

end_behind() {
	[ -n "$behind" ] || return 0
	hurry "$behind"
	wait "$behind"
	show "$behind"
	behind=
}
