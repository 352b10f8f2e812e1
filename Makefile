# make            build into cgi-bin/
# make run        lighttpd, bellrelay and a stand-in for incident.io, to try;
#                 ONCE=1 ends after the demonstration
# make install    into DESTDIR, below prefix; and make uninstall
# make bundle     an archive for shared hosting: build/bellrelay-*.tar.gz
# make deb        the Debian package: build/deb/bellrelay_*.deb
# make quick      rooms and units, under ten seconds
# make check      all that CI runs
# make asan       the units, rebuilt with address and undefined sanitizers
# make valgrind   the units under valgrind
# make fuzz       every fuzzer for SECONDS seconds
# make torture    the long crash and kill runs
# make slow       e2e and servers, with programs that nap around system calls
# make servers    every shipped server file, run as it is shipped
# make image      the quick starts, word for word, bundle and package, on clean
#                 machines
# make bench      what we claim, beside what we claim it against
# make lint       cppcheck, clang-format --dry-run, mandoc -T lint
# make fmt        reformat

VERSION = 0.1.0

# Every package that is needed, named once (Debian 12).
PACKAGES_BUILD = gcc libc6-dev make pkg-config libfcgi-dev libjson-c-dev \
	libssl-dev libcurl4-openssl-dev libconfuse-dev
PACKAGES_RUN = lighttpd curl python3 python3-cryptography \
	python3-jsonschema openssl tzdata
PACKAGES_CHECK = $(PACKAGES_RUN) $(PACKAGES_BUNDLE) $(PACKAGES_DEB) \
	python3-pytest python3-requests perl \
	clang libclang-rt-14-dev valgrind strace cppcheck clang-format git faketime \
	mandoc busybox-static patch mount util-linux e2fsprogs xfsprogs btrfs-progs \
	$(PACKAGES_SERVERS)
PACKAGES_BUNDLE = binutils ca-certificates
PACKAGES_DEB = build-essential debhelper lintian
PACKAGES_IMAGE = debootstrap
# Four hundred packages, a minute and a half; not for who has npm already.
PACKAGES_NPM = npm
PACKAGES_SERVERS = apache2-bin libapache2-mod-fcgid nginx-light caddy \
	lighttpd-mod-openssl spawn-fcgi systemd adduser iproute2

# Where make install puts things.  The shipped files for servers name these
# places; the programs look for their configuration in /etc/bellrelay.
prefix = /usr/local
bindir = $(prefix)/bin
libdir = $(prefix)/lib
datadir = $(prefix)/share
mandir = $(datadir)/man
docdir = $(datadir)/doc/bellrelay
unitdir = $(prefix)/lib/systemd/system
sysconfdir = /etc
localstatedir = /var

CC = cc
CFLAGS = -O2 -g
BUILD = build
BIN = cgi-bin

# Required flags; CFLAGS and LDFLAGS are the user's (facts: OpenSSF guide).
WARN = -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wformat=2 \
	-Wimplicit-fallthrough -Wstrict-prototypes -Wmissing-prototypes
HARDEN = -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 -fstack-protector-strong \
	-fstack-clash-protection -fcf-protection=full -ftrivial-auto-var-init=zero \
	-fzero-call-used-regs=used-gpr \
	-fno-delete-null-pointer-checks -fno-strict-overflow -fno-strict-aliasing
HARDEN_LD = -pie -Wl,-z,relro,-z,now -Wl,-z,noexecstack -Wl,-z,separate-code
FLAGS = -std=gnu11 -D_GNU_SOURCE -DVERSION='"$(VERSION)"' -iquote src \
	-I$(BUILD) -fPIE -MMD -MP $(WARN) $(HARDEN)
LIBS = -lfcgi -ljson-c -lcurl -lconfuse -lcrypto -lm

SRC = $(wildcard src/*.c)
DOORS = src/responder.c src/ctl.c
ROOMS = $(filter-out $(DOORS),$(SRC))
OBJ = $(ROOMS:src/%.c=$(BUILD)/obj/%.o)
LIB = $(BUILD)/libbellrelay.a
PROGRAMS = $(BIN)/bellrelay.fcgi $(BIN)/bellrelay
UNITS = $(patsubst tests/unit/%.c,$(BUILD)/unit/%,$(wildcard tests/unit/*.c))
FUZZERS = $(patsubst tests/fuzz/%.c,$(BUILD)/fuzz/%,$(wildcard tests/fuzz/*.c))
PRINTABLE = $(wildcard src/printable/*.txt)
MAN = src/bellrelay.1 src/bellrelay.conf.5 src/bellrelay.fcgi.8
SAMPLES = src/samples/list $(wildcard src/samples/*/*.json)
MADE = $(BUILD)/printable.h $(BUILD)/samples.h

# Debian's own: what else is on the PATH may lack the packages above.
PYTHON = /usr/bin/python3

.PHONY: all install uninstall bundle deb run quick check units asan valgrind fuzz torture slow servers image bench lint fmt clean \
	packages packages-run packages-check packages-npm install-npm lane-1 lane-2
.SECONDARY:
.DELETE_ON_ERROR:

all: packages $(PROGRAMS)

# ---- packages --------------------------------------------------------------

# $(call install,NAMES): what is missing, through sudo if need be.  No service is
# started by it: a program is for the build or for a test, which starts its own.
define install
@missing=; for p in $(1); do \
	dpkg-query -W -f '$${Status}' $$p 2>/dev/null | grep -q 'ok installed' \
	|| missing="$$missing $$p"; done; \
[ -z "$$missing" ] || { echo "installing:$$missing"; \
	sudo=; [ "$$(id -u)" = 0 ] || sudo=sudo; \
	$$sudo apt-get update -qq || exit; \
	policy=/usr/sbin/policy-rc.d; \
	[ -e $$policy ] || { trap "$$sudo rm -f $$policy" EXIT; \
	trap 'exit 130' INT TERM HUP; \
	printf '#!/bin/sh\nexit 101\n' | $$sudo tee $$policy >/dev/null; \
	$$sudo chmod 755 $$policy; }; \
	DEBIAN_FRONTEND=noninteractive $$sudo apt-get install -y -qq \
	--no-install-recommends $$missing >/dev/null; }
endef

packages:
	$(call install,$(PACKAGES_BUILD))

packages-run: packages
	$(call install,$(PACKAGES_RUN))

packages-check: packages
	$(call install,$(PACKAGES_CHECK))

# Where it cannot be had the tests that want it are skipped, by name.
packages-npm:
	@command -v npm >/dev/null || $(MAKE) --no-print-directory install-npm || \
	    echo 'npm cannot be installed: tests that want it are skipped'

install-npm:
	$(call install,$(PACKAGES_NPM))

# ---- build -----------------------------------------------------------------

$(BIN)/bellrelay.fcgi: $(BUILD)/obj/responder.o $(LIB) | packages
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(HARDEN_LD) $(LDFLAGS) -o $@ $^ $(LIBS)

$(BIN)/bellrelay: $(BUILD)/obj/ctl.o $(LIB) | packages
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(HARDEN_LD) $(LDFLAGS) -o $@ $^ $(LIBS)

$(LIB): $(OBJ)
	@rm -f $@
	@$(AR) rcs $@ $^

$(BUILD)/obj/%.o: src/%.c | packages
	@mkdir -p $(@D)
	$(CC) $(FLAGS) $(CFLAGS) -c -o $@ $<

$(BUILD)/obj/pyrepr.o: $(BUILD)/printable.h

$(BUILD)/printable.h: src/printable.awk $(PRINTABLE)
	@mkdir -p $(@D)
	awk -f src/printable.awk $(PRINTABLE) > $@

$(BUILD)/obj/sample.o: $(BUILD)/samples.h

$(BUILD)/samples.h: src/samples.awk $(SAMPLES)
	@mkdir -p $(@D)
	awk -f src/samples.awk src/samples/list > $@

-include $(wildcard $(BUILD)/obj/*.d $(BUILD)/unit/*.d $(BUILD)/fuzz/*.d \
	$(BUILD)/tools/*.d $(BUILD)/bench/*.d)

# ---- install ---------------------------------------------------------------

# What is read where it lies, or copied from there.
SHARED = $(wildcard apache-conf/* lighttpd-conf/bellrelay.conf \
	lighttpd-conf/external.conf other-conf/Caddyfile other-conf/cron \
	other-conf/nginx.conf other-conf/spawn-fcgi src/samples/generic/*.conf)
UNIT_FILES = $(notdir $(wildcard other-conf/*.service other-conf/*.socket \
	other-conf/*.timer))
MAN_FILES = man1/bellrelay.1 man5/bellrelay.conf.5 man8/bellrelay.fcgi.8
COMPLETION = $(datadir)/bash-completion/completions/bellrelay
TEMPLATE = $(sysconfdir)/bellrelay/bellrelay.conf

# Text names the places that it is installed for.
PLACES = sed -e 's,/usr/local/lib/bellrelay,$(libdir)/bellrelay,g' \
	-e 's,/usr/local/bin,$(bindir),g' \
	-e 's,/etc/bellrelay,$(sysconfdir)/bellrelay,g' \
	-e 's,/var/spool/bellrelay,$(localstatedir)/spool/bellrelay,g'

# $(call put,FROM,TO): such a text; what can be run stays so.
define put
@install -D -m $$([ -x $(1) ] && echo 755 || echo 644) $(1) '$(DESTDIR)$(2)'
@$(PLACES) $(1) >'$(DESTDIR)$(2)'

endef

# $(call program,NAME,TO): by a rename, so that there is always one.
define program
install -D -m 755 $(BIN)/$(1) '$(DESTDIR)$(2).new'
mv -f '$(DESTDIR)$(2).new' '$(DESTDIR)$(2)'

endef

install: $(PROGRAMS)
	$(call program,bellrelay,$(bindir)/bellrelay)
	$(call program,bellrelay.fcgi,$(libdir)/bellrelay/bellrelay.fcgi)
	$(foreach f,$(SHARED),$(call put,$(f),$(datadir)/bellrelay/$(f:src/%=%)))
	$(foreach f,$(UNIT_FILES),$(call put,other-conf/$(f),$(unitdir)/$(f)))
	$(foreach f,$(MAN_FILES),$(call put,src/$(notdir $(f)),$(mandir)/$(f)))
	$(call put,src/bellrelay.bash,$(COMPLETION))
	$(foreach f,README.md LICENSE,$(call put,$(f),$(docdir)/$(f)))
	@# For who has none.
	$(if $(wildcard $(DESTDIR)$(TEMPLATE)),@echo '$(TEMPLATE) is kept',$(call \
	    put,other-conf/bellrelay.conf,$(TEMPLATE)))

# What holds anybody's data stays: configuration, secrets, spool.
uninstall:
	rm -f '$(DESTDIR)$(bindir)/bellrelay' '$(DESTDIR)$(COMPLETION)' \
	    $(MAN_FILES:%='$(DESTDIR)$(mandir)/%') \
	    $(UNIT_FILES:%='$(DESTDIR)$(unitdir)/%')
	rm -rf '$(DESTDIR)$(libdir)/bellrelay' '$(DESTDIR)$(datadir)/bellrelay' \
	    '$(DESTDIR)$(docdir)'

# ---- the bundle ------------------------------------------------------------

ARCH := $(shell $(CC) -dumpmachine | cut -d- -f1)
BUNDLE = $(BUILD)/bellrelay-$(VERSION)-$(ARCH).tar.gz
UNPACKED = $(BUILD)/bundle/bellrelay

bundle: $(BUNDLE)

# The older tag of the two: this path holds for the libraries' libraries too.
BESIDE = -s -Wl,--disable-new-dtags,-rpath,'$$ORIGIN/lib'
$(BUNDLE): $(BUILD)/obj/responder.o $(BUILD)/obj/ctl.o $(LIB) \
    $(wildcard other-conf/bundle/*) other-conf/bellrelay.conf README.md | packages
	$(call install,$(PACKAGES_BUNDLE))
	@rm -rf $(UNPACKED)
	@mkdir -p $(UNPACKED)/web
	$(CC) $(CFLAGS) $(HARDEN_LD) $(BESIDE) $(LDFLAGS) \
	    -o $(UNPACKED)/web/bellrelay.fcgi $(BUILD)/obj/responder.o $(LIB) $(LIBS)
	$(CC) $(CFLAGS) $(HARDEN_LD) $(BESIDE) $(LDFLAGS) \
	    -o $(UNPACKED)/web/bellrelay $(BUILD)/obj/ctl.o $(LIB) $(LIBS)
	other-conf/bundle/pack $(UNPACKED) $@ $(VERSION) $(ARCH)

# ---- the Debian package ----------------------------------------------------

# Of another version than ours: make deb VERSION=...
DEB = $(BUILD)/deb/bellrelay_$(VERSION)_$(shell dpkg --print-architecture).deb

deb: $(DEB)

$(DEB): $(SRC) $(wildcard src/*.h other-conf/debian/*) $(SHARED) $(MAN) $(SAMPLES) Makefile \
    $(UNIT_FILES:%=other-conf/%) src/bellrelay.bash other-conf/bellrelay.conf \
    README.md LICENSE | packages
	$(call install,$(PACKAGES_DEB))
	other-conf/debian/stage $(@D)/bellrelay-$(VERSION) $(VERSION)
	cd $(@D)/bellrelay-$(VERSION) && dpkg-buildpackage -b -us -uc
	lintian --fail-on error,warning $@

# ---- to try ----------------------------------------------------------------

# ONCE=1 ends after the demonstration; PORT is the first one to try.
run: packages-run $(PROGRAMS)
	@BELLRELAY_BIN='$(BIN)' ONCE='$(ONCE)' PORT='$(PORT)' \
	    $(PYTHON) tests/world/demo.py

# ---- tests -----------------------------------------------------------------

$(BUILD)/unit/%: tests/unit/%.c $(LIB) | packages
	@mkdir -p $(@D)
	$(CC) $(FLAGS) $(CFLAGS) $(HARDEN_LD) $(LDFLAGS) -o $@ $< $(LIB) $(LIBS)

$(BUILD)/tools/%: tests/tools/%.c $(LIB) | packages
	@mkdir -p $(@D)
	$(CC) $(FLAGS) $(CFLAGS) $(HARDEN_LD) $(LDFLAGS) -o $@ $< $(LIB) $(LIBS)

# Preloaded into a program by a test.
$(BUILD)/tools/%.so: tests/crash/%.c | packages
	@mkdir -p $(@D)
	$(CC) $(filter-out -fPIE,$(FLAGS)) $(CFLAGS) -fPIC -shared -o $@ $<

units: $(UNITS)
	prove -Q $(UNITS)

quick: packages-check units
	tests/rooms.sh

check: packages-check packages-npm $(PROGRAMS) $(BUILD)/tools/canonical \
    $(BUILD)/tools/zone $(BUILD)/tools/faulty.so
	tests/rooms.sh
	$(MAKE) --no-print-directory units lint asan
	$(MAKE) --no-print-directory -j2 --output-sync=line lane-1 lane-2

# What takes long, as two that run side by side: most of it is waiting.
# make's own settings are not those of the makes that tests start.
PYTEST = env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL \
	$(PYTHON) -m pytest -q -p no:cacheprovider
lane-1: valgrind
	$(PYTEST) --ignore=tests/image --ignore=tests/e2e --ignore=tests/crash tests

lane-2:
	$(PYTEST) tests/crash
	$(PYTEST) tests/e2e

# base runs out of memory on purpose, when walks through every day there is.
VALGRIND = valgrind -q --error-exitcode=9 --leak-check=full \
	--soname-synonyms=somalloc=NONE
valgrind: $(filter-out %/base %/when,$(UNITS))
	prove -Q --exec '$(VALGRIND)' $^

asan:
	$(MAKE) --no-print-directory BUILD=build-asan BIN=build-asan/bin \
	    CFLAGS='-O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all' \
	    HARDEN= units build-asan/bin/bellrelay.fcgi build-asan/bin/bellrelay

# The crash tests in their long form: every call with every error, and so many
# rounds of what is left to chance.
ROUNDS = 200
torture: packages-check $(PROGRAMS) $(BUILD)/tools/faulty.so
	ROUNDS=$(ROUNDS) $(PYTHON) -m pytest -q tests/crash

# A test that holds only because the programs are quick is found to fail.
SLOW = build-slow
NAPS = write pwrite send fsync close renameat linkat unlinkat
slow: packages-check
	@mkdir -p $(SLOW)
	$(CC) $(FLAGS) $(CFLAGS) -c -o $(SLOW)/slow.o tests/tools/slow.c
	$(MAKE) BUILD=$(SLOW) BIN=$(SLOW)/bin all \
	    LDFLAGS='$(SLOW)/slow.o $(NAPS:%=-Wl,--wrap=%)'
	BELLRELAY_BIN=$(SLOW)/bin $(PYTHON) -m pytest -q tests/e2e tests/servers

servers: packages-check $(PROGRAMS)
	$(PYTHON) -m pytest -v tests/servers

# Root; some minutes, most of them for apt.
image: packages-check
	$(call install,$(PACKAGES_IMAGE))
	$(PYTHON) -m pytest -v tests/image

# A fuzzer is built apart from all else, with clang.
$(BUILD)/fuzz/%: tests/fuzz/%.c $(ROOMS) $(MADE) | packages-check
	@mkdir -p $(@D)
	clang -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all \
	    -O1 -g $(filter-out -MMD -MP $(HARDEN),$(FLAGS)) \
	    -o $@ $< $(ROOMS) $(LIBS)

SECONDS = 60
fuzz: $(FUZZERS)
	@for f in $(FUZZERS); do n=$${f##*/}; echo "fuzzing $$n for $(SECONDS) s"; \
	    mkdir -p $(BUILD)/corpus/$$n; \
	    $$f -max_total_time=$(SECONDS) -timeout=10 -rss_limit_mb=2048 \
	    -verbosity=0 -print_final_stats=1 -artifact_prefix=$(BUILD)/ \
	    $(BUILD)/corpus/$$n $$(ls -d tests/fuzz/seeds/$$n 2>/dev/null) || exit 1; \
	done

BENCHES = $(patsubst tests/bench/%.c,$(BUILD)/bench/%,$(wildcard tests/bench/*.c))

$(BUILD)/bench/%: tests/bench/%.c $(LIB) | packages
	@mkdir -p $(@D)
	$(CC) $(FLAGS) $(CFLAGS) $(HARDEN_LD) $(LDFLAGS) -o $@ $< $(LIB) $(LIBS)

bench: packages-check $(BENCHES) $(PROGRAMS)
	PYTHON=$(PYTHON) tests/bench/run

lint: packages-check
	cppcheck -q --std=c11 --enable=warning,performance,portability \
	    --inline-suppr --error-exitcode=1 -I src src
	clang-format --dry-run --Werror $$(git ls-files 'src/*.[ch]' 'tests/*.[ch]')
	mandoc -T lint -W warning $(MAN)

fmt:
	clang-format -i $$(git ls-files -co --exclude-standard 'src/*.[ch]' 'tests/*.[ch]')

clean:
	rm -rf build build-* cgi-bin/bellrelay cgi-bin/bellrelay.fcgi
