//! Compiles the CUDA that is the host into a folder of libraries, for every test that opens one.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

const HEADER: &str = include_str!("fake.h");
const DRIVER: &str = include_str!("driver.cc");
const LIBRARIES: &str = include_str!("libraries.cc");
/// The driver compiles kernels with it.
const EMULATOR: &str = include_str!("../../../gpu/src/emulator/emulator.h");

/// What the libraries besides the driver are opened as.
const OTHERS: [&str; 5] =
    ["libnvrtc.so.13", "libcublas.so.13", "libcublasLt.so.13", "libcudnn.so.9", "libcurand.so.10"];

/// The folder of the libraries, beneath `parent` and named by what they are made of; made if it is not there. A process
/// finds them by `BASIN_CUDA_LIBRARIES`. Kernels that the driver compiles stay in the folder, too.
pub(crate) fn build(parent: &Path) -> PathBuf {
    // One thread of a process builds.
    static TURN: Mutex<()> = Mutex::new(());
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let mut hash = DefaultHasher::new();
    [HEADER, DRIVER, LIBRARIES, EMULATOR].hash(&mut hash);
    let folder = parent.join(format!("fake-cuda-{:016x}", hash.finish()));
    if folder.exists() {
        return folder;
    }
    // Whole or not at all, whoever else builds at the same time.
    let own = parent.join(format!("fake-cuda-of-{}", std::process::id()));
    std::fs::create_dir_all(&own).unwrap();
    let sources =
        [("fake.h", HEADER), ("driver.cc", DRIVER), ("libraries.cc", LIBRARIES), ("emulator.h", EMULATOR)];
    for (name, text) in sources {
        std::fs::write(own.join(name), text).unwrap();
    }
    compile(&own, &["-shared", "driver.cc", "-Wl,-soname,libcuda.so.1", "-ldl", "-o", "libcuda.so.1"]);
    compile(&own, &["-c", "libraries.cc", "-o", "libraries.o"]);
    for name in OTHERS {
        let soname = format!("-Wl,-soname,{name}");
        compile(&own, &["-shared", "libraries.o", "./libcuda.so.1", &soname, "-o", name]);
    }
    if std::fs::rename(&own, &folder).is_err() {
        assert!(folder.exists(), "{} cannot become {}", own.display(), folder.display());
        std::fs::remove_dir_all(&own).unwrap();
    }
    folder
}

fn compile(folder: &Path, arguments: &[&str]) {
    let program = std::env::var_os("CXX").unwrap_or_else(|| "c++".into());
    let mut command = Command::new(program);
    command.args(["-std=c++17", "-O2", "-fPIC"]).args(arguments).current_dir(folder);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
