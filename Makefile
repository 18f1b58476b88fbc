# PenguinMails for Postfix
#
#   make            the programs                     make run     see it work, by itself
#   make check      every test, at most 10 minutes   make lint    style and static checks
#   make campaign NAME=x   a test at full counts     make bench   measured ratios
#   make asan | tsan | fuzz | headers | install | clean
#
# Honoured: CC CPPFLAGS CFLAGS LDFLAGS PREFIX DESTDIR SBINDIR MANDIR SYSCONFDIR B (build folder)

VERSION = 0.1.0

CC ?= cc
B ?= build
PREFIX ?= /usr
SBINDIR ?= $(PREFIX)/sbin
MANDIR ?= $(PREFIX)/share/man
SYSCONFDIR ?= /etc
DATADIR ?= $(PREFIX)/share/penguinmails

CFLAGS ?= -O2 -g
WARNINGS = -Wall -Wextra -Wshadow -Wmissing-prototypes -Wstrict-prototypes -Wvla -Wformat=2 \
	-Wpointer-arith -Wwrite-strings -Wundef -Werror
ifeq ($(SANITIZE),)
HARDENING = -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fcf-protection -fPIE
HARDENING_LD = -pie -Wl,-z,relro -Wl,-z,now
else
HARDENING = -fsanitize=$(SANITIZE) -fno-sanitize-recover=all -fno-omit-frame-pointer -fPIE
HARDENING_LD = -pie -fsanitize=$(SANITIZE)
endif
ALL_CFLAGS = -std=c17 -D_GNU_SOURCE -DPENGUIN_VERSION='"$(VERSION)"' -pthread $(WARNINGS) \
	$(HARDENING) $(CPPFLAGS) $(CFLAGS)
ALL_LDFLAGS = -pthread $(HARDENING_LD) -Wl,--as-needed $(LDFLAGS)

# Arrows: a folder sees its own headers and those it may depend on, nothing else.
INCLUDE_common = -iquote common
INCLUDE_milter = -iquote milter -iquote common
INCLUDE_policyd = -iquote policyd -iquote common
INCLUDE_policyd/ctl = -iquote policyd/ctl -iquote common
INCLUDE_tests/unit = -iquote tests/lib -iquote common -iquote milter -iquote policyd -iquote policyd/ctl
INCLUDE_tests/fuzz = $(INCLUDE_tests/unit)
INCLUDE_tests/bench = $(INCLUDE_tests/unit)

COMMON_SRC = $(filter-out common/clock.c common/clock_test.c,$(wildcard common/*.c))
MILTER_SRC = $(filter-out milter/main.c,$(wildcard milter/*.c))
POLICYD_SRC = $(filter-out policyd/main.c,$(wildcard policyd/*.c))
CTL_SRC = $(filter-out policyd/ctl/main.c,$(wildcard policyd/ctl/*.c))
UNIT_SRC = $(wildcard tests/unit/test_*.c)
FUZZ_SRC = $(wildcard tests/fuzz/fuzz_*.c)
HEADERS = $(wildcard common/*.h milter/*.h policyd/*.h policyd/ctl/*.h plugins/*.h)

COMMON_LIBS = -lconfig -lidn2 -llmdb -lcrypto
MILTER_LIBS = -lmilter -lopendkim $(COMMON_LIBS)
POLICYD_LIBS = -levent_core $(COMMON_LIBS)
CTL_LIBS = $(COMMON_LIBS)
UNIT_LIBS = -lcheck_pic -lsubunit -lm -lrt -lmilter -lopendkim -levent_core $(COMMON_LIBS)

obj = $(patsubst %.c,$(B)/obj/%.o,$(1))

PROGRAMS = $(B)/penguin-policyd $(B)/penguin-milter $(B)/penguinctl
# The same programs with the clock that tests may move.
TEST_PROGRAMS = $(B)/test/penguin-policyd $(B)/test/penguin-milter $(B)/test/penguinctl
UNITS = $(patsubst tests/unit/%.c,$(B)/unit/%,$(UNIT_SRC))

all: $(PROGRAMS)

.SECONDEXPANSION:
$(B)/obj/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(INCLUDE_$(patsubst %/,%,$(dir $<))) -MMD -MP -c -o $@ $<

$(B)/libcommon.a: $(call obj,$(COMMON_SRC))
$(B)/libmilter_.a: $(call obj,$(MILTER_SRC))
$(B)/libpolicyd.a: $(call obj,$(POLICYD_SRC))
$(B)/libctl.a: $(call obj,$(CTL_SRC))
$(B)/%.a:
	@rm -f $@
	ar rcs $@ $^

PARTS_penguin-policyd = $(call obj,policyd/main.c) $(B)/libpolicyd.a $(B)/libcommon.a
PARTS_penguin-milter = $(call obj,milter/main.c) $(B)/libmilter_.a $(B)/libcommon.a
PARTS_penguinctl = $(call obj,policyd/ctl/main.c) $(B)/libctl.a $(B)/libcommon.a
LIBS_penguin-policyd = $(POLICYD_LIBS)
LIBS_penguin-milter = $(MILTER_LIBS)
LIBS_penguinctl = $(CTL_LIBS)

$(PROGRAMS): $$(PARTS_$$(@F)) $(B)/obj/common/clock.o
	$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $(filter-out %.a,$^) $(filter %.a,$^) $(LIBS_$(@F))
$(TEST_PROGRAMS): $$(PARTS_$$(@F)) $(B)/obj/common/clock_test.o
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $(filter-out %.a,$^) $(filter %.a,$^) $(LIBS_$(@F))

UNIT_PARTS = $(B)/libmilter_.a $(B)/libctl.a $(B)/libpolicyd.a $(B)/libcommon.a
$(B)/unit/%: $(B)/obj/tests/unit/%.o $(UNIT_PARTS) $(B)/obj/common/clock_test.o
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $(filter-out %.a,$^) $(filter %.a,$^) $(UNIT_LIBS)

-include $(wildcard $(B)/obj/*/*.d $(B)/obj/*/*/*.d)

clean:
	rm -rf $(B)

.PHONY: all run check campaign bench lint asan tsan fuzz headers install clean
