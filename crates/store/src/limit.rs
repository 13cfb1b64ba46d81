//! A limit on the size of files (`ulimit -f`): an error of the write that meets it, not the end of the process.

use std::io;

/// Makes writes beyond the limit fail with [`io::ErrorKind::FileTooLarge`], for the whole process; by default the system
/// ends it by SIGXFSZ. Nothing to do where there is no such limit.
///
/// # Errors
/// When the signal cannot be caught.
pub fn survive_file_size_limit() -> io::Result<()> {
    #[cfg(unix)]
    {
        // Nobody looks at the flag: that the signal is caught is enough.
        let caught = std::sync::Arc::default();
        signal_hook::flag::register(libc::SIGXFSZ, caught)?;
    }
    Ok(())
}
