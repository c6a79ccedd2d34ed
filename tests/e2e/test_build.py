"""mayfly build: what it makes, that it makes the same again, and each thing that it refuses."""

import os
import shutil
import struct

import pytest

MANIFEST = 'mayfly: 1\nname: sample\nversion: "1.0"\n'
MAIN = '#include <mayfly.h>\nvoid mf_main(const struct mf_event *ev)\n{\n\t(void)ev;\n\t%s\n}\n'
GOOD = MAIN % 'mf_reply_text("ok\\n");'


@pytest.fixture
def service(tmp_path):
    """service(yaml, **{"main.c": text}) -> its directory"""
    count = [0]

    def make(manifest=MANIFEST, **files):
        count[0] += 1
        directory = tmp_path / f"sample{count[0]}"
        directory.mkdir()
        (directory / "mayfly.yaml").write_text(manifest)
        for name, text in (files or {"main_c": GOOD}).items():
            (directory / name.replace("_", ".")).write_text(text)
        return directory

    return make


def refused(done, status, *words):
    assert done.returncode == status, done.stderr
    assert done.stdout == ""
    for word in words:
        assert word in done.stderr, done.stderr
    for line in done.stderr.splitlines():
        if line.startswith("mayfly: "):
            assert line.startswith("mayfly: build: ")


# ------------------------------------------------------------------ what it makes


def test_one_line_and_two_files(mayfly, service):
    directory = service()
    done = mayfly("build", directory)
    assert (done.returncode, done.stderr) == (0, "")
    size = (directory / "sample.mfy").stat().st_size
    assert done.stdout.startswith(f"sample  {size} bytes, {65536 - size} left of 65536  sha256 ")
    assert done.stdout.count("\n") == 1
    assert (directory / "sample.debug").read_bytes()[:4] == b"\x7fELF"
    assert sorted(os.listdir(directory)) == ["main.c", "mayfly.yaml", "sample.debug", "sample.mfy"]


def test_output_path(mayfly, service, tmp_path):
    done = mayfly("build", service(), "-o", tmp_path / "other.mfy")
    assert done.returncode == 0
    assert (tmp_path / "other.mfy").exists() and (tmp_path / "other.debug").exists()
    assert not (tmp_path / "sample1/sample.mfy").exists()


def test_the_debug_file_names_functions(mayfly, service):
    directory = service()
    mayfly("build", directory)
    assert b"mf_main" in (directory / "sample.debug").read_bytes()
    assert b"mf_main" not in (directory / "sample.mfy").read_bytes().split(b"mayfly: 1")[0]


def test_same_sources_same_bytes_wherever_they_lie(mayfly, service, tmp_path):
    text = GOOD.replace("ok\\n", '" __FILE__ "')
    first, second = service(main_c=text, other_S=".data\n.globl x\nx: .quad 1\n"), tmp_path / "b"
    shutil.copytree(first, second)
    assert mayfly("build", first, cwd=tmp_path).returncode == 0
    assert mayfly("build", "../b/", cwd=first).returncode == 0
    for name in ("sample.mfy", "sample.debug"):
        assert (first / name).read_bytes() == (second / name).read_bytes(), name
    here = (first / "sample.mfy").read_bytes()
    for cwd, name in ((first, "."), ("/", first)):
        assert mayfly("build", name, cwd=cwd).returncode == 0
        assert (first / "sample.mfy").read_bytes() == here
    assert b"main.c" in here and str(tmp_path).encode() not in here


def test_temporary_files_go_away(mayfly, service, tmp_path):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    for text in (GOOD, "int"):
        mayfly("build", service(main_c=text), env={**os.environ, "TMPDIR": str(scratch)})
    assert list(scratch.iterdir()) == []


def test_assembly_and_several_files(mayfly, service):
    directory = service(
        main_c=GOOD.replace('mf_reply_text("ok\\n")', "mf_reply_text(text())").replace(
            "void mf_main", "const char *text(void);\nvoid mf_main"),
        text_S='.section .rodata\nwords: .asciz "from assembly\\n"\n.text\n.globl text\n'
               "text:\n\tlea words(%rip), %rax\n\tret\n"
               '.section .note.GNU-stack, "", @progbits\n')
    assert mayfly("build", directory).returncode == 0
    assert mayfly("run", directory / "sample.mfy").stdout == "from assembly\n"


def test_a_service_with_a_start_of_its_own(mayfly, service):
    """Tests bring their own mf_boot: nothing of the library OS is linked."""
    directory = service(main_S=".text\n.globl mf_boot\nmf_boot:\n\tud2\n"
                               '.section .note.GNU-stack, "", @progbits\n')
    assert mayfly("build", directory).returncode == 0
    assert (directory / "sample.mfy").stat().st_size < 1024


def test_a_failed_build_leaves_the_last_image(mayfly, service):
    directory = service()
    mayfly("build", directory)
    before = (directory / "sample.mfy").read_bytes()
    (directory / "main.c").write_text("int")
    assert mayfly("build", directory).returncode == 1
    assert (directory / "sample.mfy").read_bytes() == before


def test_another_compiler(mayfly, service, tmp_path):
    """CC is used, words and all."""
    log = tmp_path / "log"
    wrapper = tmp_path / "cc"
    wrapper.write_text(f'#!/bin/sh\necho "$1" >>{log}\nshift\nexec gcc "$@"\n')
    wrapper.chmod(0o755)
    done = mayfly("build", service(), env={**os.environ, "CC": f"{wrapper} first"})
    assert done.returncode == 0 and log.read_text() == "first\n"


# ------------------------------------------------------------------ what it refuses


def test_not_a_service(mayfly, tmp_path):
    refused(mayfly("build", tmp_path / "none"), 3, "there is no mayfly.yaml in it", "mayfly new")
    refused(mayfly("build", tmp_path), 3, "there is no mayfly.yaml in it")
    (tmp_path / "mayfly.yaml").write_text(MANIFEST)
    refused(mayfly("build", tmp_path), 3, "no sources in it")
    refused(mayfly("build"), 2, "give one directory")
    refused(mayfly("build", "a", "b"), 2, "give one directory")
    refused(mayfly("build", "--frobnicate"), 2, '"--frobnicate": unknown')


def test_manifest_errors_have_a_place(mayfly, service):
    directory = service(manifest=MANIFEST + "limit:\n  cpu: 1ms\n")
    refused(mayfly("build", directory), 2,
            f"{directory}/mayfly.yaml:4:1: unknown key 'limit'; did you mean 'limits'?")


def test_a_module_that_is_not_there(mayfly, service):
    refused(mayfly("build", service(manifest=MANIFEST + "modules: [effects]\n")), 3,
            "mayfly.yaml: this library OS has no module 'effects'; did you mean 'effect'?")
    refused(mayfly("build", service(manifest=MANIFEST + "modules: [lwip]\n")), 3,
            "this library OS has no module 'lwip'; it has")
    assert mayfly("build", service(manifest=MANIFEST + "modules: [event]\n")).returncode == 0


def test_compiler_errors_pass_through(mayfly, service):
    directory = service(main_c="int x = y;\n")
    done = mayfly("build", "sample1", cwd=directory.parent)
    refused(done, 1, "sample1/main.c:1:9: error: ", "\"sample1/main.c\" doesn't compile")


@pytest.mark.parametrize("call, hint", [
    ('printf("x")', "use mf_log"),
    ('char *p = malloc(5); mf_log("%p", p)', "use mf_alloc"),
    ("exit(1)", "return from mf_main, or use mf_fail"),
    ("mf_replytext(0)", "did you mean 'mf_reply_text'?"),
    ("frobnicate()", "mayfly.h says what there is"),
    ("pthread_create(0, 0, 0, 0)", "a life has one thread"),
])
def test_undefined_functions(mayfly, service, call, hint):
    name = call.split("=")[-1].split("(")[0].strip()
    text = MAIN.replace("void mf_main", f"#pragma GCC diagnostic ignored \"-Wformat\"\n"
                        f"extern long {name}();\nvoid mf_main", 1)
    text = text.replace("extern long malloc()", "extern void *malloc()")
    done = mayfly("build", service(main_c=text % (call + ";")))
    refused(done, 2, f"main.c:7 calls '{name}', which no module has: ", hint)
    assert "undefined reference" not in done.stderr


def test_every_undefined_name_once(mayfly, service):
    text = MAIN % "one(); one(); two();"
    done = mayfly("build", service(main_c="extern void one(), two();\n" + text))
    assert done.stderr.count("calls 'one'") == 1 and done.stderr.count("calls 'two'") == 1


def test_no_mf_main(mayfly, service):
    refused(mayfly("build", service(main_c="int x;\n")), 2, "no source defines mf_main")


def test_defined_twice(mayfly, service):
    done = mayfly("build", service(main_c=GOOD + "int f(void) { return 1; }\n",
                                   other_c="int f(void) { return 2; }\n"))
    refused(done, 2, "'f' is defined twice: in main.c", "and in other.c")


@pytest.mark.parametrize("instruction, hint", [
    ("rdtsc", "use mf_time_ns"), ("rdtscp", "use mf_time_ns"), ("rdrand %rax", "use mf_random"),
    ("rdseed %rax", "use mf_random"), ("rdpid %rax", "leave it out"), ("cpuid", "leave it out"),
])
def test_banned_instructions(mayfly, service, instruction, hint):
    word = instruction.split()[0]
    text = MAIN % f'__asm__ volatile("{instruction.replace("%", "%%")}" : : : "rax", "rbx", "rcx", "rdx");'
    refused(mayfly("build", service(main_c=text)), 2,
            f"mf_main (0x14", f") holds the instruction '{word}': ", hint)


def test_banned_instructions_in_assembly(mayfly, service):
    done = mayfly("build", service(
        main_c=GOOD.replace("(void)ev;", "extern void ticks(void); (void)ev; ticks();"),
        ticks_S=".text\n.globl ticks\nticks:\n\trdtsc\n\tret\n"))
    refused(done, 2, "ticks (0x14", "'rdtsc'")


@pytest.mark.parametrize("declaration, words", [
    ("_Thread_local int x; int *y = 0; int *g(void) { return &x; }", ["thread-local"]),
    ("int x; __attribute__((constructor)) void c(void) { x = 1; }", ["constructor", "mf_init"]),
    ("int x; __attribute__((destructor)) void c(void) { x = 1; }", ["destructor"]),
    ('__attribute__((section("mine"))) int x = 1;', ['section "mine"', "has no place"]),
    ('__asm__(".section .text.x, \\"awx\\"\\nnop\\n.text");', ["writable and executable"]),
    ('__asm__(".section .rodata.x, \\"aw\\"\\n.quad 1\\n.text");', ["don't fit its name"]),
])
def test_sections_without_a_place(mayfly, service, declaration, words):
    refused(mayfly("build", service(main_c=GOOD + declaration + "\n")), 2, "main.c: section",
            *words)


def test_data_that_does_not_fit_the_window(mayfly, service):
    big = GOOD.replace("(void)ev;", "(void)ev; big[ev->bytes % 30000] = 1;")
    done = mayfly("build", service(main_c="#include <stddef.h>\nchar big[30000];\n" + big))
    refused(done, 5, "sample: .data and .bss have 30004 bytes, 9524 more than the window leaves",
            "raise memory.window in ", "from 64 KiB to 76 KiB at least")
    again = mayfly("build", service(manifest=MANIFEST + "memory: {window: 76KiB}\n",
                                    main_c="char big[30000];\n" + big))
    assert again.returncode == 0


def test_data_beyond_what_code_can_name(mayfly, service):
    text = "char big[2000000000];\n" + GOOD.replace("(void)ev;", "big[ev->bytes] = 1;")
    done = mayfly("build", service(main_c=text))
    refused(done, 2, ".data and .bss reach beyond 2 GiB")
    assert done.stderr.count("\n") == 1


def test_objects_for_another_stage(mayfly, service):
    env = {**os.environ, "CC": "gcc -flto"}
    refused(mayfly("build", service(), env=env), 2, "main.c: ", "(-flto)")


def test_names_from_several_functions(mayfly, service):
    """The linker words the second complaint of a file another way than the first."""
    text = MAIN.replace("void", "extern void one(void), two(void), three(void);\nvoid", 1)
    text = text.replace("void mf_main", "void g(void);\nvoid g(void) { two(); three(); }\nvoid mf_main")
    done = mayfly("build", service(main_c=text % "one(); g();"))
    places = sorted(line.split(" calls ")[0] for line in done.stderr.splitlines())
    assert [p.rsplit(":", 1)[0] for p in places] == ["mayfly: build: main.c"] * 3


def test_over_budget_names_the_largest(mayfly, service):
    text = GOOD.replace("void mf_main", "const char big[9000] = {1};\nvoid mf_main").replace(
        '"ok\\n"', "big")
    done = mayfly("build", service(manifest=MANIFEST + "budget: 8KiB\n", main_c=text))
    refused(done, 5, " bytes, ", " over its budget of 8192: its largest module is 'service'",
            "('budget' in ")


def test_over_budget_names_what_grew(mayfly, service):
    directory = service(manifest=MANIFEST + "budget: 3KiB\n")
    assert mayfly("build", directory).returncode == 0
    (directory / "main.c").write_text(MAIN % 'char b[9]; mf_format(b, 9, "%u", 5u); mf_reply_text(b);')
    refused(mayfly("build", directory), 5, "module 'fmt' grew by ", "since the last build")


def test_effects_that_the_manifest_does_not_grant(mayfly, service):
    text = MAIN % 'mf_emit("a/b", "x"); mf_reply_text("ok");'
    done = mayfly("build", service(main_c=text))
    assert done.returncode == 0
    assert "note: sample uses mf_emit, but " in done.stderr and "has no 'emits'" in done.stderr
    done = mayfly("build", service(manifest=MANIFEST + "emits: [a/b]\n", main_c=text))
    assert (done.returncode, done.stderr) == (0, "")


def test_unaligned_data_keeps_its_place(mayfly, service):
    """A first variable that wants an alignment of its own moves nothing else."""
    text = MAIN.replace("void", "_Alignas(256) int x = 7;\nint y = 9;\nvoid", 1)
    text = text % "char b[9]; x++; mf_format(b, 9, \"%d %d\\n\", x, y); mf_reply_text(b);"
    directory = service(main_c=text)
    assert mayfly("build", directory).returncode == 0
    assert mayfly("run", directory / "sample.mfy").stdout == "8 9\n"


def test_where_it_cannot_write(mayfly, service, tmp_path):
    refused(mayfly("build", service(), "-o", tmp_path / "none/x.mfy"), 1, "can't write",
            "none/x.debug")


def test_tools_that_are_missing(mayfly, service):
    env = {**os.environ, "CC": "no-such-gcc"}
    refused(mayfly("build", service(), env=env), 1, "can't start \"no-such-gcc\"")
    env = {**os.environ, "LD": "no-such-ld"}
    refused(mayfly("build", service(), env=env), 1, "can't start \"no-such-ld\"")
    env = {**os.environ, "MAYFLY_LIB": "/nowhere"}
    refused(mayfly("build", service(), env=env), 3, "the library OS", "MAYFLY_LIB")


# ------------------------------------------------------------------ the file itself


def test_layout(mayfly, service):
    """As abi/image.h says: notes first, then the segments, no sections, nothing else."""
    directory = service()
    mayfly("build", directory)
    image = (directory / "sample.mfy").read_bytes()
    phoff, shoff = struct.unpack_from("<QQ", image, 32)
    phnum, shnum = struct.unpack_from("<H", image, 56)[0], struct.unpack_from("<H", image, 60)[0]
    assert (phoff, shoff, shnum) == (64, 0, 0)
    kinds = [struct.unpack_from("<II", image, 64 + 56 * i) for i in range(phnum)]
    assert kinds[0] == (4, 4) and all(kind == 1 and flags in (4, 5, 6) for kind, flags in kinds[1:])
    assert image[64 + 56 * phnum:][12:19] == b"mayfly\0"
    assert len(image) % 16 == 0
