//! Stand-ins for CUDA's libraries at link time, so that a program links where none of them is installed.
//!
//! For every library there is a static archive that defines all functions of the bindings. Each jumps through a slot
//! of a table. A slot first leads to a binder, which opens the real library at the first call, looks the function
//! up, and fills the slot, as the dynamic linker does with lazy binding. A program linked this way needs no CUDA
//! library to start; where one is missing, its functions answer with an error status, and nothing dies.

use super::declarations::{Answer, functions};
use super::write_if_changed;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

/// A library of CUDA.
#[derive(Clone, Copy, Debug)]
pub(super) struct Library {
    /// The module of the bindings that declares its functions.
    module: &'static str,
    /// Its name on the linker's command line.
    link: &'static str,
    /// Its file at run time, where `{}` is CUDA's major version.
    file: &'static str,
    /// The status of its functions when it is missing: a value that its own type of status has.
    status: i32,
}

/// All that candle and Basin link to.
const LIBRARIES: [Library; 6] = [
    // CUDA_ERROR_STUB_LIBRARY: what the toolkit's own stand-in for the driver answers.
    Library { module: "driver", link: "cuda", file: "libcuda.so.1", status: 34 },
    // CUBLAS_STATUS_NOT_INITIALIZED
    Library { module: "cublas", link: "cublas", file: "libcublas.so.{}", status: 1 },
    Library { module: "cublaslt", link: "cublasLt", file: "libcublasLt.so.{}", status: 1 },
    // CUDNN_STATUS_NOT_INITIALIZED
    Library { module: "cudnn", link: "cudnn", file: "libcudnn.so.9", status: 1001 },
    // CURAND_STATUS_NOT_INITIALIZED
    Library { module: "curand", link: "curand", file: "libcurand.so.10", status: 101 },
    // NVRTC_ERROR_INTERNAL_ERROR
    Library { module: "nvrtc", link: "nvrtc", file: "libnvrtc.so.{}", status: 11 },
];

/// Libraries that are linked to but whose functions nobody calls: the CUDA runtime, by kernels that are left out.
const EMPTY: [&str; 1] = ["cudart"];

/// Makes all archives in `folder` from the bindings' source. Returns how many functions they have.
pub(super) fn make(bindings: &Path, folder: &Path, cuda_major: u32) -> Result<usize, String> {
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        return Err(
            "the stand-ins are written for Linux on x86-64; on another machine install the CUDA toolkit and \
                    build with cargo build --release --features cuda"
                .into(),
        );
    }
    let mut count = 0;
    for library in LIBRARIES {
        let path = bindings.join("src").join(library.module).join("sys/mod.rs");
        let source = std::fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
        let functions = functions(&source);
        if functions.is_empty() {
            let path = path.display();
            return Err(format!(
                "{path} declares no function: this version of cudarc is written differently"
            ));
        }
        count += functions.len();
        archive(library, &functions, folder, cuda_major)?;
    }
    for name in EMPTY {
        let path = folder.join(format!("lib{name}.a"));
        if !path.exists() {
            tool("ar", "AR", &["rc", &path.to_string_lossy()])?;
        }
    }
    Ok(count)
}

/// Makes one library's archive, unless it stands there already, made of the same text.
fn archive(
    library: Library,
    functions: &BTreeMap<String, Answer>,
    folder: &Path,
    cuda_major: u32,
) -> Result<(), String> {
    let file = library.file.replace("{}", &cuda_major.to_string());
    let archive = folder.join(format!("lib{}.a", library.link));
    let binder = folder.join(format!("{}.binder.c", library.link));
    let table = folder.join(format!("{}.table.s", library.link));
    let new_binder = write_if_changed(&binder, &binder_text(library, &file, functions))?;
    let new_table = write_if_changed(&table, &table_text(library.link, functions.keys()))?;
    if !new_binder && !new_table && archive.exists() {
        return Ok(());
    }
    let mut objects = Vec::new();
    for source in [&binder, &table] {
        let object = source.with_extension("o").to_string_lossy().into_owned();
        tool("cc", "CC", &["-O1", "-fPIC", "-c", &source.to_string_lossy(), "-o", &object])?;
        objects.push(object);
    }
    // A fresh file: `ar` would keep the members of an old one.
    let _ = std::fs::remove_file(&archive);
    tool("ar", "AR", &["rcs", &archive.to_string_lossy(), &objects[0], &objects[1]])
}

/// C: opens the library, looks a function up by its place in the table, fills its slot.
fn binder_text(library: Library, file: &str, functions: &BTreeMap<String, Answer>) -> String {
    let Library { link, status, .. } = library;
    let mut text = format!(
        "/* Opens {file} when the first of its functions is called. */\n\
         #include <dlfcn.h>\n#include <stddef.h>\n\n\
         extern void *basin_{link}_slots[];\n\n\
         static int failed(void) {{ return {status}; }}\n\
         static size_t nothing(void) {{ return 0; }}\n\
         static const char *missing(void) {{ return \"{file} is missing, or lacks this function\"; }}\n\n\
         static const struct {{ const char *name; void *otherwise; }} functions[] = {{\n"
    );
    for (name, answer) in functions {
        let otherwise = match answer {
            Answer::Status => "failed",
            Answer::Text => "missing",
            Answer::Number => "nothing",
        };
        let _ = writeln!(text, "    {{\"{name}\", (void *){otherwise}}},");
    }
    let _ = write!(
        text,
        "}};\n\n\
         /* A slot is filled only once the function is found: a library that is loaded later is found then. */\n\
         __attribute__((visibility(\"hidden\"))) void *basin_{link}_bind(size_t place) {{\n\
         \x20   void *library = dlopen(\"{file}\", RTLD_NOW | RTLD_GLOBAL);\n\
         \x20   void *found = library ? dlsym(library, functions[place].name) : NULL;\n\
         \x20   if (!found) return functions[place].otherwise;\n\
         \x20   __atomic_store_n(&basin_{link}_slots[place], found, __ATOMIC_RELEASE);\n\
         \x20   return found;\n}}\n"
    );
    text
}

/// Assembly for x86-64: the functions, their slots, and the way through the binder, which must leave the arguments
/// of the call as they are: six integers, eight vectors, and the count of vectors in `rax`.
fn table_text<'a>(link: &str, names: impl Iterator<Item = &'a String> + Clone) -> String {
    const INTEGERS: [&str; 7] = ["rdi", "rsi", "rdx", "rcx", "r8", "r9", "rax"];
    const VECTORS: usize = 8;
    // Saved: 7 × 8 + 8 × 16 = 184 bytes, and 8 more keep the stack on a multiple of 16, which the binder expects:
    // the caller's return address and the place lie above.
    const FRAME: usize = 192;
    let mut text = String::from("\t.text\n");
    let _ = writeln!(text, "through_the_binder:\n\tsub ${FRAME}, %rsp");
    let (mut save, mut restore) = (String::new(), String::new());
    for (i, register) in INTEGERS.iter().enumerate() {
        let at = VECTORS * 16 + i * 8;
        let _ = writeln!(save, "\tmov %{register}, {at}(%rsp)");
        let _ = writeln!(restore, "\tmov {at}(%rsp), %{register}");
    }
    for i in 0..VECTORS {
        let _ = writeln!(save, "\tmovups %xmm{i}, {}(%rsp)", i * 16);
        let _ = writeln!(restore, "\tmovups {}(%rsp), %xmm{i}", i * 16);
    }
    let _ = write!(
        text,
        "{save}\tmov {FRAME}(%rsp), %rdi\n\tcall basin_{link}_bind\n\tmov %rax, %r11\n{restore}\
         \tadd ${}, %rsp\n\tjmp *%r11\n",
        FRAME + 8
    );
    for (place, name) in names.clone().enumerate() {
        let _ = write!(
            text,
            "\t.globl {name}\n\t.hidden {name}\n\t.type {name}, @function\n{name}:\n\
             \tjmp *basin_{link}_slots+{}(%rip)\n.Lfirst{place}:\n\tpush ${place}\n\tjmp through_the_binder\n",
            place * 8
        );
    }
    let _ = write!(
        text,
        "\t.data\n\t.balign 8\n\t.globl basin_{link}_slots\n\t.hidden basin_{link}_slots\nbasin_{link}_slots:\n"
    );
    for place in 0..names.count() {
        let _ = writeln!(text, "\t.quad .Lfirst{place}");
    }
    text.push_str("\t.section .note.GNU-stack,\"\",@progbits\n");
    text
}

/// Runs a tool of the C compiler's, which a variable may name.
fn tool(name: &str, variable: &str, arguments: &[&str]) -> Result<(), String> {
    let program = std::env::var_os(variable).unwrap_or_else(|| name.into());
    let output = Command::new(&program).args(arguments).output();
    let program = program.to_string_lossy();
    let output = output
        .map_err(|e| format!("{program} cannot be run: {e}; install a C compiler or set {variable}"))?;
    match output.status.success() {
        true => Ok(()),
        false => Err(format!(
            "{program} {} failed: {}",
            arguments.join(" "),
            String::from_utf8_lossy(&output.stderr)
        )),
    }
}

#[cfg(all(test, target_os = "linux", target_arch = "x86_64"))]
mod tests;
