# Sourced by ./run and ./test: installs the Debian packages that are missing.
# Needs nothing but bash and dpkg.

# What a build needs, and what an example run and the tests need on top.
PACKAGES_BUILD=(
	"make:builds it"
	"gcc:compiles it"
	"libc6-dev:the C library's headers"
	"libyaml-dev:reads YAML, under libcyaml"
	"libcyaml-dev:reads mayfly.yaml by its schema"
	"libsodium-dev:SHA-256 and signatures"
	"libjansson-dev:-o json"
	"libseccomp-dev:tests hold our seccomp programs against its own"
	"musl-tools:the worker's C library, which starts fast"
	"libcurl4-openssl-dev:asks a hub: mayfly ps"
	"libssl-dev:TLS"
	"libsqlite3-dev:the hub's database"
	"libpq-dev:PostgreSQL, in which a center may keep its ledger; the library is loaded where it is used"
	"libmosquitto-dev:MQTT; the hub loads the library when it is told of a broker"
	"libdw-dev:names and lines of a crash's backtrace"
	"libcoap3-dev:CoAP, which the hub loads where it is configured"
)
PACKAGES_RUN=(
	"bind9-dnsutils:dig, which asks the dns service"
	"curl:asks the services that speak HTTP"
	"openssl:signs a webhook"
	"mosquitto-clients:publishes and subscribes, as devices do"
	"libdlt2:for mosquitto, which is only unpacked, see need_broker"
	"libwrap0:the same"
	"libcjson1:the same"
)
PACKAGES_TEST=(
	"libblas-dev:examples/weather, which is linked with whatever BLAS there is"
	"liblapack-dev:and LAPACK"
	"pkg-config:what a program that uses libmayfly is compiled with"
	"libcmocka-dev:unit tests"
	"python3:end-to-end tests"
	"python3-pytest:end-to-end tests"
	"systemd:checks its units, and runs them in namespaces of its own"
	"clang-format:checks the layout of the sources"
	"gdb:debugs lives: mayfly run --gdb"
	"binutils:nm, which looks for what no worker may have"
	"qemu-system-x86:a machine with AMD's virtualisation, emulated"
	"busybox-static:what that machine starts with"
	"cpio:packs its file system"
	"minisign:checks signed images, and signs some"
	"libevent-2.1-7:for nsd, which is only unpacked, see below"
	"libxml2:for PostgreSQL, which is only unpacked, see need_postgres"
	"libreadline8:the same"
	"tzdata:the same"
	"python3-paho-mqtt:devices that send all the time while a hub is killed"
	"dnsperf:asks a service many questions at once"
	"strace:what the hub writes first, a file or an acknowledgement"
	"python3-numpy:results of linear algebra are compared with its"
	"libcoap3-bin:coap-client, which asks over CoAP"
	"liblapack-dev:LAPACK, with which the unit tests of services/linalg compute on the host"
	"python3-numpy:what services/linalg answers is compared with, and its client"
	"ca-certificates:whom a command line trusts by itself, and which says so of those that it doesn't"
)
# The module posix: musl and what is built on it come as sources; ./test and ./run go on without.
PACKAGES_SOURCE=(
	"dpkg-dev:unpacks source packages"
)
# The module lapack is written in Fortran; without it the module blas is there alone.
PACKAGES_FORTRAN=(
	"gfortran:compiles LAPACK"
)
# Special hardware that is none: OpenCL on the processor. Tests go on without.
PACKAGES_OPENCL=(
	"ocl-icd-libopencl1:finds OpenCL's devices"
	"pocl-opencl-icd:makes one of the processor"
	"libclblast1:multiplies matrices on one"
)
# fuzz/run: clang's libFuzzer; tests go on without where they can't be had.
PACKAGES_ANALYSE=(
	"clang-tidy:looks for bugs without running anything"
	"cppcheck:the same, in another way"
)
# tests/valgrind/run; ./test goes on without
PACKAGES_VALGRIND=(
	"valgrind:finds uses of memory that was never written"
	"libc6-dbg:for valgrind, which has to know the C library's functions"
)
PACKAGES_FUZZ=(
	"clang-14:compiles the fuzzers"
	"libclang-rt-14-dev:libFuzzer and clang's sanitizers"
	"python3:runs them"
)
# bench/hub: what it measures with; what it measures beside is only unpacked, see need_bench.
PACKAGES_BENCH=(
	"python3:runs it"
	"dnsperf:asks name servers"
	"wrk:asks web servers"
	"openssl:a certificate for the hub"
	"libknot13:for knot"
	"libzscanner4:for knot"
	"libdnssec9:for knot"
	"liburcu8:for knot"
	"libcap-ng0:for knot"
	"libevent-2.1-7:for nsd"
	"libfcgi0ldbl:for fcgiwrap"
	"libpcre2-8-0:for nginx"
)

missing_packages() { # prints "name:why" of each that isn't installed
	local each
	for each in "$@"; do
		[ "$(dpkg-query -W -f '${db:Status-Status}' "${each%%:*}" 2>/dev/null)" = installed ] ||
			printf '%s\n' "$each"
	done
}

apt_twice() { # a mirror may be slow or in the middle of an update: once more, then give up
	local log
	log=$(mktemp)
	if ! DEBIAN_FRONTEND=noninteractive apt-get -q -o Acquire::Retries=3 "$@" >"$log" 2>&1 </dev/null; then
		echo "    apt-get $1 failed; trying once more"
		sleep 5
		if ! DEBIAN_FRONTEND=noninteractive apt-get -q "$@" >"$log" 2>&1 </dev/null; then
			tail -n 15 "$log" >&2
			rm -f "$log"
			return 1
		fi
	fi
	rm -f "$log"
}

# need NAME:WHY...: installs those that are missing, or says what to type; 1 if it can't.
need() {
	local list names
	if ! command -v dpkg-query >/dev/null; then
		echo "== packages: this is not Debian; going on with what is here"
		return 0
	fi
	mapfile -t list < <(missing_packages "$@")
	if [ ${#list[@]} -eq 0 ]; then
		echo "== packages: all ${#} are here"
		return 0
	fi
	names=("${list[@]%%:*}")
	echo "== packages: ${#list[@]} of $# are missing"
	printf '%s\n' "${list[@]}" | while IFS=: read -r name why; do printf '    %-20s %s\n' "$name" "$why"; done
	if [ "$(id -u)" -ne 0 ]; then
		echo "Not root, so nothing is installed. Type this, then start again:" >&2
		echo "    sudo apt-get update && sudo apt-get install --no-install-recommends ${names[*]}" >&2
		return 1
	fi
	echo "    installing them with apt-get, which takes a minute or two"
	apt_twice update && apt_twice install -y --no-install-recommends "${names[@]}"
}

# borrow PACKAGE DIRECTORY: its files, unpacked there and not installed: a package of a server
# would start it.
borrow() {
	[ ! -e "$2/done" ] || return 0
	echo "== $1: downloaded and unpacked into $2, not installed"
	rm -rf "$2" && mkdir -p "$2" &&
		(cd "$2" && { apt-get -q download "$1" || { sleep 5 && apt-get -q download "$1"; }; }) >build/apt.log 2>&1 &&
		dpkg-deb -x "$2"/*.deb "$2" && touch "$2/done" || echo "    not to be had: $(tail -n 1 build/apt.log)"
}

# A broker: its package would start it. Afterwards it is on the path.
need_broker() {
	command -v mosquitto >/dev/null || [ -x /usr/sbin/mosquitto ] ||
		{ mkdir -p build && borrow mosquitto build/mosquitto; }
	PATH=$PATH:/usr/sbin:$PWD/build/mosquitto/usr/sbin:$PWD/build/mosquitto/usr/bin
}

# PostgreSQL and its psql: an installed one would make a database and start. tests/e2e/postgres.py finds it.
need_postgres() {
	[ ! -e build/postgresql/done ] || [ ! -e build/postgresql-client/done ] || return 0
	[ -z "$(ls -d /usr/lib/postgresql/*/bin/initdb /usr/lib/postgresql/*/bin/psql 2>/dev/null | sed -n 2p)" ] || return 0
	mkdir -p build
	borrow postgresql-15 build/postgresql
	borrow postgresql-client-15 build/postgresql-client
}

# What the fuzzers need; 1: some of it is not to be had. `make fuzz FUZZ_CC=clang` takes another clang.
need_fuzz() {
	need "${PACKAGES_FUZZ[@]}" && echo 'int LLVMFuzzerTestOneInput(void) { return 0; }' |
		clang-14 -fsanitize=fuzzer,address,undefined -x c -o build/fuzz-probe - 2>/dev/null
}

# What bench/hub needs; its neighbours unpacked into build/, for their packages would start them.
need_bench() {
	need "${PACKAGES_BENCH[@]}" || return
	mkdir -p build
	command -v knotd >/dev/null || borrow knot build/knot
	command -v nsd >/dev/null || borrow nsd build/nsd
	command -v nginx >/dev/null || borrow nginx build/nginx
	command -v fcgiwrap >/dev/null || borrow fcgiwrap build/fcgiwrap
}

# build WHAT...: make, quietly, in parallel; what it printed if it fails
build() {
	local log=build/make.log
	mkdir -p build
	[ -e build/mayfly ] && echo "== make $*" || echo "== make $*, which takes a minute"
	make -j"$(nproc)" "$@" >"$log" 2>&1 && return
	grep -v '^  ' "$log" | tail -n 60 >&2
	return 1
}

# gfortran, where LAPACK's sources are
need_fortran() {
	[ ! -e build/need/src/lapack/done ] || command -v gfortran >/dev/null || need "${PACKAGES_FORTRAN[@]}" ||
		echo "    not to be had, so the module lapack and what names it are left out"
}

# llhttp, HTTP's parser, is three C files in a package that would bring all of nodejs along.
borrow_llhttp() {
	[ -e /usr/share/llhttp/api.c ] || { mkdir -p build && borrow node-llhttp build/need/llhttp; }
}

# Lists of source packages, from where this machine has its packages: its own entries say deb, these
# say deb-src. They lie in build/, and the machine's own stay as they are.
source_apt() { # source_apt APT-GET'S WORDS...
	local own=$PWD/build/need/apt
	(cd "${source_to:-.}" && apt-get -q -o Acquire::Retries=1 -o Dir::Etc::SourceList=/dev/null \
		-o Dir::Etc::SourceParts="$own/sources" -o Dir::State::Lists="$own/lists" -o Dir::Cache="$own/cache" "$@")
}
source_lists() {
	local own=build/need/apt file
	[ ! -e $own/done ] || return 0
	rm -rf $own && mkdir -p $own/sources $own/lists/partial $own/cache/archives/partial
	for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
		[ -r "$file" ] && sed -n 's/^deb\([[:space:]]\)/deb-src\1/p' "$file"
	done >$own/sources/own.list
	for file in /etc/apt/sources.list.d/*.sources; do
		[ -r "$file" ] && sed 's/^Types:.*/Types: deb-src/' "$file" >$own/sources/"${file##*/}"
	done
	source_apt update # some entries may have no sources; what counts is whether one has what is looked for
	touch $own/done
}

# unpack_source PACKAGE: as Debian has it, with its patches, in build/need/src/PACKAGE
unpack_source() {
	local source_to=build/need/src/$1.new
	rm -rf "$source_to" "build/need/src/$1" && mkdir -p "$source_to" && source_lists &&
		source_apt source "$1" && mv "$source_to"/*/ "build/need/src/$1" && touch "build/need/src/$1/done" &&
		rm -rf "$source_to"
}

# borrow_source PACKAGE...: those sources that aren't here yet. What is built from them is left out
# where they are not to be had; where one isn't, the next isn't tried.
borrow_source() {
	local each log=build/apt.log
	mkdir -p build
	for each in "$@"; do
		[ ! -e "build/need/src/$each/done" ] || continue
		echo "== sources of $each: downloaded and unpacked into build/need/src/$each"
		command -v dpkg-source >/dev/null || need "${PACKAGES_SOURCE[@]}" || return 0
		if ! unpack_source "$each" >$log 2>&1 &&
			! { sleep 5 && rm -f build/need/apt/done && unpack_source "$each" >$log 2>&1; }; then
			rm -f build/need/apt/done
			echo "    not to be had: $(grep '^[EW]: ' $log | head -n 1)"
			echo "    so the modules that are built from it, their services and tests are left out: $*"
			return 0
		fi
	done
}
