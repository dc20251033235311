# What a person types. Each target installs what it needs from Debian's packages by itself, once.
.PHONY: help run test test-unit test-end-to-end test-faults test-kill test-notify-kill test-agent-faults test-packages fuzz build deb bench soak compare-metrics format lint clean

help:
	@echo "make run            build, then an aggregator and an agent on this machine, state under .run/"
	@echo "make test           all tests that take seconds or a few minutes"
	@echo "make test-faults    the log on disks that fail at each step, fill up and rot, and against a model: half an hour"
	@echo "make test-agent-faults  what can happen to an agent and its spool, with a table of what became of the lines: some minutes"
	@echo "make test-kill      kill -9 of the aggregator under load, 200 times: some minutes"
	@echo "make test-notify-kill  the same while 2 000 alerts fire and resolve and receivers fail half of the time: each alert told, under one key"
	@echo "make fuzz           the parsers at the edge, with a million damaged inputs (FUZZ_ROUNDS, FUZZ_SEED)"
	@echo "make test-packages  the .deb files in a clean Debian root: install, start, stop, purge"
	@echo "make build          release binaries into .build/release/"
	@echo "make deb            tocsin-agent_*.deb and tocsin-aggregator_*.deb into .build/packages/"
	@echo "make bench          the figures of docs/performance.md, measured here"
	@echo "make soak           whether the agent grows: an hour of logs, rotations and outages, then a backlog of 1 GB (SOAK_SECONDS, SOAK_BACKLOG_BYTES)"
	@echo "make compare-metrics  tocsin-agent beside node_exporter 1.5 on this machine: names, types, labels, values"
	@echo "make format | lint  the source format: put it right, or check it"

# The binaries that users get: the Swift runtime inside, so that a host needs no Swift.
RELEASE = -c release --static-swift-stdlib --disable-sandbox
PROGRAMS = tocsin-agent tocsin-aggregator agentctl
BINARIES = $(addprefix .build/release/,$(PROGRAMS))

build:
	@scripts/install-dependencies build
	@scripts/build release $(RELEASE)

run: 
	@scripts/install-dependencies run
	@scripts/build release $(RELEASE)
	@exec scripts/run-demo

test: build test-unit test-end-to-end

DEADLINES = AgentAppTests|CollectingTests|ControllingTests|ExposingTests|TailingTests|TransferringTests|EventStreamTests|BodyTests
HEAVY = StoringTests|SpoolingTests|TailingTests.ModelTests

test-unit:
	@scripts/install-dependencies test
	@scripts/build tests --build-tests --explicit-target-dependency-import-check error
	@# In three turns: what holds deadlines (whole agents, sockets, mounts that hang, files that are followed) alone, the many, and what takes all processors for minutes.
	scripts/test --no-parallel --filter '$(DEADLINES)' --skip '$(HEAVY)'
	scripts/test --skip 'EndToEndTests|$(DEADLINES)|$(HEAVY)'
	scripts/test --filter '$(HEAVY)'

# The real binaries, one scenario after the other: they measure each other's time.
test-end-to-end: build
	@scripts/install-dependencies test
	@scripts/build tests --build-tests --explicit-target-dependency-import-check error
	TOCSIN_BINARIES=$(CURDIR)/.build/release scripts/test --no-parallel --filter EndToEndTests

test-faults:
	@scripts/install-dependencies test
	@scripts/build tests --build-tests --explicit-target-dependency-import-check error
	TOCSIN_TEST_MINUTES=120 TOCSIN_EVERY_STEP=1 TOCSIN_MODEL_SEEDS=300 TOCSIN_DAMAGE_SEEDS=1500 scripts/test \
		--filter 'StoringTests.(PowerLossTests|LogModelTests|DamageTests|FullDiskTests)'

test-kill: build
	@scripts/install-dependencies test
	@scripts/build tests --build-tests --explicit-target-dependency-import-check error
	TOCSIN_TEST_MINUTES=120 TOCSIN_KILLS=200 TOCSIN_BINARIES=$(CURDIR)/.build/release scripts/test --no-parallel --filter EndToEndTests.KillTests

# Every alert is told at least once, whatever dies between, and under one key.
test-notify-kill: build
	@scripts/install-dependencies test
	@scripts/build tests --build-tests --explicit-target-dependency-import-check error
	TOCSIN_TEST_MINUTES=120 TOCSIN_NOTIFY_KILLS=200 TOCSIN_NOTIFY_ALERTS=2000 TOCSIN_BINARIES=$(CURDIR)/.build/release scripts/test --no-parallel --filter EndToEndTests.NotifyKillTests

FUZZ_ROUNDS ?= 50000
FUZZ_SEED ?= 1

fuzz:
	@scripts/install-dependencies test
	@scripts/build tests --build-tests --explicit-target-dependency-import-check error
	TOCSIN_TEST_MINUTES=120 TOCSIN_FUZZ_ROUNDS=$(FUZZ_ROUNDS) TOCSIN_FUZZ_SEED=$(FUZZ_SEED) scripts/test --filter '(Fuzz|fuzz)'

# Everything that can happen to an agent and its spool, with the table of what became of the lines.
test-agent-faults: build
	@scripts/install-dependencies test
	@scripts/build tests --build-tests --explicit-target-dependency-import-check error
	@echo "| fault | times | written | stored | in gaps | lost | duplicated |"
	@echo "| --- | --- | --- | --- | --- | --- | --- |"
	TOCSIN_TEST_MINUTES=120 TOCSIN_EVERY_STEP=1 scripts/test --filter "SpoolingTests.Spool(PowerLoss|AnyByte|Clock)Tests"
	TOCSIN_TEST_MINUTES=120 TOCSIN_EVERY_STEP=1 TOCSIN_BINARIES=$(CURDIR)/.build/release scripts/test --no-parallel \
		--filter "EndToEndTests.(AgentFault|LogrotateFault|Input|NoDisk|ExactlyOnce)Tests"

deb: build
	@scripts/install-dependencies packages
	@packaging/build-deb.sh

test-packages: deb
	@Tests/Packages/run.sh

compare-metrics: build
	@scripts/install-dependencies compare
	@scripts/compare-metrics

bench: build
	@scripts/install-dependencies bench
	@Benchmarks/run

# An hour and a backlog of 1 GB: whether the agent grows. SOAK_SECONDS and SOAK_BACKLOG_BYTES make it shorter.
soak: build
	@scripts/install-dependencies test
	/usr/bin/python3 Benchmarks/bench.py soak

format:
	swift format --in-place --recursive Sources Tests Package.swift

lint:
	swift format lint --strict --recursive Sources Tests Package.swift

clean:
	rm -rf .build .run
