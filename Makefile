# PenguinMails for Postfix
#
#   make            the programs                     make run     see it work, by itself
#   make check      every test, at most 10 minutes   make lint    style and static checks
#   make campaign NAME=x   a test at full counts     make bench   measured ratios
#   make asan | tsan | fuzz | headers | install | clean
#
# Honoured: CC CPPFLAGS CFLAGS LDFLAGS PREFIX DESTDIR SBINDIR MANDIR SYSCONFDIR B (build folder)
#   KEEP=1 (run)  ONLY=text JOBS=n PENGUIN_SCALE=x (check)  NAME=x PENGUIN_SEED=n (campaign)
#   ONLY=text BENCH_ROUNDS=5 BENCH_SECONDS=3 (bench)
#   FUZZ_SECONDS=60 (fuzz)  V=1 (show commands)

VERSION = 0.1.0

CC ?= cc
B ?= build
PYTHON ?= /usr/bin/python3
PREFIX ?= /usr
SBINDIR ?= $(PREFIX)/sbin
MANDIR ?= $(PREFIX)/share/man
INCLUDEDIR ?= $(PREFIX)/include
PLUGINDIR ?= $(PREFIX)/lib/penguinmails
SYSCONFDIR ?= /etc
DATADIR ?= $(PREFIX)/share/penguinmails

CFLAGS ?= -O2 -g
WARNINGS = -Wall -Wextra -Wshadow -Wmissing-prototypes -Wstrict-prototypes -Wvla -Wformat=2 \
	-Wpointer-arith -Wwrite-strings -Wundef -Werror
ifeq ($(SANITIZE),)
HARDENING = -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fcf-protection -fPIE
HARDENING_LD = -pie -Wl,-z,relro -Wl,-z,now
else
# With sanitizers gcc guesses worse and warns of what cannot happen.
HARDENING = -fsanitize=$(SANITIZE) -fno-sanitize-recover=all -fno-omit-frame-pointer -fPIE \
	-Wno-unknown-warning-option -Wno-format-truncation -Wno-maybe-uninitialized
HARDENING_LD = -pie -fsanitize=$(SANITIZE)
endif
ALL_CFLAGS = -std=c17 -D_GNU_SOURCE -DPENGUIN_VERSION='"$(VERSION)"' -pthread $(WARNINGS) \
	$(HARDENING) $(CPPFLAGS) $(CFLAGS)
ALL_LDFLAGS = -pthread $(HARDENING_LD) -Wl,--as-needed $(LDFLAGS)

# Arrows: a folder sees its own headers and those it may depend on, nothing else.
INCLUDE_common = -iquote common -iquote plugins
INCLUDE_milter = -iquote milter -iquote common -iquote plugins
INCLUDE_policyd = -iquote policyd -iquote common
INCLUDE_policyd/ctl = -iquote policyd/ctl -iquote common -iquote plugins
INCLUDE_plugins/web = -iquote plugins/web -iquote common
INCLUDE_plugins/geoip = -iquote plugins/geoip -iquote plugins
INCLUDE_tests/unit = -iquote tests/lib -iquote common -iquote milter -iquote policyd -iquote policyd/ctl \
	-iquote plugins/web -iquote plugins
INCLUDE_tests/fuzz = $(INCLUDE_tests/unit)
INCLUDE_tests/bench = $(INCLUDE_tests/unit)
INCLUDE_tests/fault = $(INCLUDE_tests/unit)
INCLUDE_tests/tools = -iquote tests/lib -iquote common -iquote milter

COMMON_SRC = $(filter-out common/clock.c common/clock_test.c,$(wildcard common/*.c))
MILTER_SRC = $(filter-out milter/main.c,$(wildcard milter/*.c))
POLICYD_SRC = $(filter-out policyd/main.c,$(wildcard policyd/*.c))
CTL_SRC = $(filter-out policyd/ctl/main.c,$(wildcard policyd/ctl/*.c))
WEB_SRC = $(filter-out plugins/web/main.c,$(wildcard plugins/web/*.c))
UNIT_SRC = $(wildcard tests/unit/test_*.c)
FUZZ_SRC = $(wildcard tests/fuzz/fuzz_*.c)
BENCH_SRC = $(wildcard tests/bench/*.c)
PRELOAD_SRC = tests/fault/recorder.c # loaded into a program under test
FAULT_SRC = $(filter-out $(PRELOAD_SRC),$(wildcard tests/fault/*.c))
HEADERS = $(wildcard common/*.h milter/*.h policyd/*.h policyd/ctl/*.h plugins/*.h plugins/geoip/*.h plugins/web/*.h)

COMMON_LIBS = -lcares -lconfig -lidn2 -llmdb -lpcre2-8 -lcrypto
MILTER_LIBS = -lmilter -lopendkim $(COMMON_LIBS)
POLICYD_LIBS = -levent_core -lm $(COMMON_LIBS)
CTL_LIBS = -ljansson $(COMMON_LIBS)
WEB_LIBS = -lmicrohttpd $(COMMON_LIBS)
UNIT_LIBS = -lcheck_pic -lsubunit -lm -lrt -lmicrohttpd -lmilter -lopendkim -levent_core $(CTL_LIBS)

# One short line a step; V=1 shows the commands.
ifeq ($(V),)
SAY_CC = @printf '  CC    %s\n' $<;
SAY_LD = @printf '  LINK  %s\n' $@;
SAY_AR = @printf '  AR    %s\n' $@;
endif

obj = $(patsubst %.c,$(B)/obj/%.o,$(1))

PROGRAMS = $(B)/penguin-policyd $(B)/penguin-milter $(B)/penguin-web $(B)/penguinctl
PLUGINS = $(B)/plugins/geoip.so
# The same programs with the clock that tests may move.
TEST_PROGRAMS = $(B)/test/penguin-policyd $(B)/test/penguin-milter $(B)/test/penguin-web \
	$(B)/test/penguinctl
UNITS = $(patsubst tests/unit/%.c,$(B)/unit/%,$(UNIT_SRC))
REPLAYS = $(patsubst tests/fuzz/%.c,$(B)/replay/%,$(if $(wildcard tests/fuzz/replay.c),$(FUZZ_SRC)))
FUZZERS = $(patsubst tests/fuzz/%.c,$(B)/fuzzers/%,$(FUZZ_SRC))
BENCHES = $(patsubst tests/bench/%.c,$(B)/bench/%,$(BENCH_SRC))
# With the load generators, which the tests of faults use, too.
FAULTS = $(patsubst tests/fault/%.c,$(B)/fault/%,$(FAULT_SRC)) $(B)/bench/milload $(B)/bench/polload \
	$(patsubst tests/fault/%.c,$(B)/fault/%.so,$(PRELOAD_SRC))
TESTED = $(PROGRAMS) $(PLUGINS) $(TEST_PROGRAMS) $(UNITS) $(REPLAYS) $(FAULTS) $(B)/tools/print_settings \
	$(B)/tools/rewrite_driver $(B)/tools/footer_driver $(B)/tools/mint_tokens $(B)/tools/gumbo_links
TEST_ENV = PENGUIN_BUILD=$(abspath $(B)) PENGUIN_SANITIZE=$(SANITIZE)

all: $(PROGRAMS) $(PLUGINS)

# Objects stay, also those that only a pattern asked for.
.SECONDARY:
.SECONDEXPANSION:
$(B)/obj/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(SAY_CC) $(CC) $(ALL_CFLAGS) $(INCLUDE_$(patsubst %/,%,$(dir $<))) -MMD -MP -c -o $@ $<

$(B)/libcommon.a: $(call obj,$(COMMON_SRC))
$(B)/libmilter_.a: $(call obj,$(MILTER_SRC))
$(B)/libpolicyd.a: $(call obj,$(POLICYD_SRC))
$(B)/libweb.a: $(call obj,$(WEB_SRC))
$(B)/libctl.a: $(call obj,$(CTL_SRC))
$(B)/%.a:
	@rm -f $@
	$(SAY_AR) ar rcs $@ $^

PARTS_penguin-policyd = $(call obj,policyd/main.c) $(B)/libpolicyd.a $(B)/libcommon.a
PARTS_penguin-milter = $(call obj,milter/main.c) $(B)/libmilter_.a $(B)/libcommon.a
PARTS_penguin-web = $(call obj,plugins/web/main.c) $(B)/libweb.a $(B)/libcommon.a
PARTS_penguinctl = $(call obj,policyd/ctl/main.c) $(B)/libctl.a $(B)/libcommon.a
LIBS_penguin-policyd = $(POLICYD_LIBS)
LIBS_penguin-milter = $(MILTER_LIBS)
LIBS_penguin-web = $(WEB_LIBS)
LIBS_penguinctl = $(CTL_LIBS)
LIBS_linkcost = -lgumbo # a benchmark

$(PROGRAMS): $$(PARTS_$$(@F)) $(B)/obj/common/clock.o
	$(SAY_LD) $(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $(filter-out %.a,$^) $(filter %.a,$^) $(LIBS_$(@F))
$(TEST_PROGRAMS): $$(PARTS_$$(@F)) $(B)/obj/common/clock_test.o
	@mkdir -p $(@D)
	$(SAY_LD) $(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $(filter-out %.a,$^) $(filter %.a,$^) $(LIBS_$(@F))

UNIT_PARTS = $(B)/libmilter_.a $(B)/libctl.a $(B)/libpolicyd.a $(B)/libweb.a $(B)/libcommon.a
# The folder of the module under test comes first: milter/ and policyd/ never meet in a program and
# may use the same name. Tests of plugins/web are called test_web_X.
unit_home = $(if $(wildcard plugins/web/$(patsubst web_%,%,$(1)).c),$(B)/libweb.a,)$(if $(wildcard policyd/ctl/$(1).c),$(B)/libctl.a,$(if $(wildcard policyd/$(1).c),\
	$(B)/libpolicyd.a))
$(B)/unit/test_%: $(B)/obj/tests/unit/test_%.o $$(call unit_home,$$*) $(UNIT_PARTS) \
		$(B)/obj/common/clock_test.o
	@mkdir -p $(@D)
	$(SAY_LD) $(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $(filter-out %.a,$^) $(filter %.a,$^) $(UNIT_LIBS)

# The same targets with a main that reads files: a corpus is a test too, without clang.
$(B)/replay/%: $(B)/obj/tests/fuzz/%.o $(B)/obj/tests/fuzz/replay.o $(UNIT_PARTS) \
		$(B)/obj/common/clock_test.o
	@mkdir -p $(@D)
	$(SAY_LD) $(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $(filter-out %.a,$^) $(filter %.a,$^) $(UNIT_LIBS)
$(B)/fuzzers/%: $(B)/obj/tests/fuzz/%.o $(UNIT_PARTS) $(B)/obj/common/clock_test.o
	@mkdir -p $(@D)
	$(SAY_LD) $(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -fsanitize=fuzzer -o $@ $(filter-out %.a,$^) \
		$(filter %.a,$^) $(UNIT_LIBS)
$(B)/fault/%: $(B)/obj/tests/fault/%.o $(UNIT_PARTS) $(B)/obj/common/clock.o
	@mkdir -p $(@D)
	$(SAY_LD) $(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $(filter-out %.a,$^) $(filter %.a,$^) $(UNIT_LIBS)
$(B)/bench/%: $(B)/obj/tests/bench/%.o $(UNIT_PARTS) $(B)/obj/common/clock.o
	@mkdir -p $(@D)
	$(SAY_LD) $(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $(filter-out %.a,$^) $(filter %.a,$^) $(UNIT_LIBS) \
		$(LIBS_$(@F))
$(B)/tools/%: $(B)/obj/tests/tools/%.o $(B)/libcommon.a \
		$(B)/obj/common/clock.o
	@mkdir -p $(@D)
	$(SAY_LD) $(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $(filter-out %.a,$^) $(filter %.a,$^) $(COMMON_LIBS)
$(B)/tools/%_driver: $(B)/obj/tests/tools/%_driver.o $(B)/libmilter_.a $(B)/libcommon.a \
		$(B)/obj/common/clock.o
	@mkdir -p $(@D)
	$(SAY_LD) $(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $(filter-out %.a,$^) $(filter %.a,$^) $(MILTER_LIBS)
$(B)/tools/gumbo_links: $(B)/obj/tests/tools/gumbo_links.o
	@mkdir -p $(@D)
	$(SAY_LD) $(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $^ -lgumbo

# A plug-in knows the header alone, and its own library.
$(B)/plugins/geoip.so: $(wildcard plugins/geoip/*.[ch]) plugins/penguin_plugin.h Makefile
	@mkdir -p $(@D)
	$(SAY_LD) $(CC) $(ALL_CFLAGS) -fPIC $(INCLUDE_plugins/geoip) -shared \
		$(filter-out -pie,$(ALL_LDFLAGS)) -o $@ $(filter %.c,$^) -lmaxminddb

$(B)/fault/%.so: tests/fault/%.c Makefile
	@mkdir -p $(@D)
	$(SAY_LD) $(CC) -std=c17 -D_GNU_SOURCE -pthread $(WARNINGS) $(CPPFLAGS) $(CFLAGS) -fPIC -shared -o $@ $<

-include $(wildcard $(B)/obj/*/*.d $(B)/obj/*/*/*.d)

# ---- what a user calls; packages first, then a make of its own that may run in parallel ----

run:
	@tests/tools/need-packages run
	@$(MAKE) --no-print-directory -j2 all
	@$(TEST_ENV) KEEP=$(KEEP) $(PYTHON) tests/demo/run.py

check:
	@tests/tools/need-packages test
	@$(MAKE) --no-print-directory -j2 tested
	@$(TEST_ENV) tests/run --only '$(ONLY)' --jobs $(or $(JOBS),2)

tested: $(TESTED)

campaign:
	@tests/tools/need-packages test
	@$(MAKE) --no-print-directory -j2 tested
	@$(TEST_ENV) tests/tools/campaign $(NAME)

bench:
	@tests/tools/need-packages test
	@$(MAKE) --no-print-directory -j2 all $(BENCHES) $(B)/tools/mint_tokens
	@$(TEST_ENV) $(PYTHON) tests/bench/run.py --only '$(ONLY)'

lint:
	@tests/tools/need-packages lint
	@$(MAKE) --no-print-directory -j2 tested headers
	@$(TEST_ENV) tests/tools/lint

# Each header compiles alone, with the folders that its own folder may see.
headers:
	@for h in $(HEADERS); do \
		d=$${h%/*}; \
		case $$d in \
		common) i='$(INCLUDE_common)' ;; milter) i='$(INCLUDE_milter)' ;; \
		plugins/web) i='$(INCLUDE_plugins/web)' ;; \
		policyd) i='$(INCLUDE_policyd)' ;; policyd/ctl) i='$(INCLUDE_policyd/ctl)' ;; \
		*) i= ;; esac; \
		$(CC) $(ALL_CFLAGS) $$i -Wno-unused -fsyntax-only -x c "$$h" || exit 1; \
	done

SANITIZER_OPTIONS = \
	ASAN_OPTIONS=detect_leaks=1:strict_string_checks=1:detect_stack_use_after_return=1 \
	LSAN_OPTIONS=suppressions=$(CURDIR)/tests/tools/lsan.supp:print_suppressions=0 \
	UBSAN_OPTIONS=print_stacktrace=1 \
	TSAN_OPTIONS=ignore_noninstrumented_modules=1:report_thread_leaks=0

asan:
	@tests/tools/need-packages test
	@$(MAKE) --no-print-directory sanitized B=$(B)/asan SANITIZE=address,undefined

# TSan needs its addresses where it expects them: no randomised layout. Inside libmilter it has
# nothing to say (its locks count, its own exit is full of races); its threads end with the process.
tsan:
	@tests/tools/need-packages test
	@setarch --addr-no-randomize \
		$(MAKE) --no-print-directory sanitized B=$(B)/tsan SANITIZE=thread

sanitized:
	@$(MAKE) --no-print-directory -j2 tested CFLAGS='-O1 -g'
	@$(SANITIZER_OPTIONS) $(TEST_ENV) PENGUIN_SCALE=$(or $(PENGUIN_SCALE),0.2) \
		tests/run --kinds unit,replay,flow,postfix --only '$(ONLY)' --jobs $(or $(JOBS),2)

FUZZ_SECONDS ?= 60
fuzz:
	@tests/tools/need-packages lint
	@$(MAKE) --no-print-directory -j2 fuzzers B=$(B)/fuzz CC=clang CFLAGS='-O1 -g' \
		SANITIZE=address,undefined,fuzzer-no-link
	@tests/tools/fuzz $(B)/fuzz $(FUZZ_SECONDS) '$(ONLY)'

fuzzers: $(FUZZERS)

install-header:
	install -d $(DESTDIR)$(INCLUDEDIR)/penguinmails $(DESTDIR)$(DATADIR)/examples
	install -m 644 plugins/penguin_plugin.h $(DESTDIR)$(INCLUDEDIR)/penguinmails
	install -m 644 plugins/hello/hello.c $(DESTDIR)$(DATADIR)/examples

install: all install-header
	install -d $(DESTDIR)$(SBINDIR) $(DESTDIR)$(MANDIR)/man5 $(DESTDIR)$(MANDIR)/man7 \
		$(DESTDIR)$(MANDIR)/man8 $(DESTDIR)$(DATADIR) \
		$(DESTDIR)$(SYSCONFDIR)/penguinmails/tenants.d
	install -m 755 $(PROGRAMS) $(DESTDIR)$(SBINDIR)
	install -d $(DESTDIR)$(PLUGINDIR) $(DESTDIR)$(MANDIR)/man3
	install -m 755 $(PLUGINS) $(DESTDIR)$(PLUGINDIR)
	@for s in 3 5 7 8; do \
		for f in packaging/man/*.$$s; do \
			[ ! -e "$$f" ] || install -m 644 "$$f" $(DESTDIR)$(MANDIR)/man$$s || exit 1; \
		done; \
	done
	install -m 644 README.md LICENSE etc/nginx.conf.sample etc/Caddyfile.sample $(DESTDIR)$(DATADIR)
	@# An admin's file is never overwritten: the shipped one then goes beside it.
	@for f in etc/*.conf; do \
		[ -e "$$f" ] || continue; \
		to=$(DESTDIR)$(SYSCONFDIR)/penguinmails/$${f##*/}; \
		[ ! -e "$$to" ] || cmp -s "$$f" "$$to" || to=$$to.dist; \
		install -m 644 "$$f" "$$to" || exit 1; \
	done
	@for f in etc/tenants.d/*.sample; do \
		[ ! -e "$$f" ] || \
		install -m 644 "$$f" $(DESTDIR)$(SYSCONFDIR)/penguinmails/tenants.d || exit 1; \
	done

include packaging/packaging.mk

clean:
	rm -rf $(B)

.PHONY: all run check tested campaign bench lint headers asan tsan sanitized fuzz fuzzers install install-header clean
