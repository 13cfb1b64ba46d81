//! A program run with a limit on its time: commands of Slurm's wait for a controller that is away.

use std::ffi::OsStr;
use std::io::{self, Read};
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

/// What a program said and how it ended.
#[derive(Debug)]
pub(crate) struct Said {
    /// Its exit code; `None` when a signal ended it.
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// Why there is nothing that it said.
#[derive(Debug)]
pub(crate) enum CallError {
    /// It cannot be run at all.
    Missing(io::Error),
    /// It was ended after its time, or could not be waited for.
    Ended(String),
}

/// Runs a program to its end, or ends it after `limit`. Nothing is given to it to read, and an interrupt from the keyboard does not
/// reach it: a submission is not cut in two.
pub(crate) fn call<A: AsRef<OsStr>>(
    program: &OsStr,
    arguments: &[A],
    environment: &[(String, String)],
    without: &[String],
    limit: Duration,
) -> Result<Said, CallError> {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    without.iter().for_each(|name| {
        command.env_remove(name);
    });
    command.envs(environment.iter().map(|(name, value)| (name, value)));
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let mut child = command.spawn().map_err(CallError::Missing)?;
    // Threads of their own, so that a full pipe stops nothing; they end with the last holder of the pipe.
    let out = read_all(child.stdout.take());
    let err = read_all(child.stderr.take());
    let until = Instant::now() + limit;
    let mut pause = Duration::from_millis(1);
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) if Instant::now() < until => thread::sleep(pause),
            Ok(None) => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(CallError::Ended(format!("no answer within {} s", limit.as_secs_f64())));
            }
            Err(error) => return Err(CallError::Ended(error.to_string())),
        }
        pause = (pause * 2).min(Duration::from_millis(50));
    };
    let left = until.saturating_duration_since(Instant::now()).max(Duration::from_secs(1));
    let text = |from: &Receiver<Vec<u8>>| {
        from.recv_timeout(left).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
    };
    Ok(Said { code: status.code(), out: text(&out), err: text(&err) })
}

fn read_all(stream: Option<impl Read + Send + 'static>) -> Receiver<Vec<u8>> {
    let (to, from) = mpsc::channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = stream.map(|mut stream| stream.read_to_end(&mut bytes));
        let _ = to.send(bytes);
    });
    from
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn shell(line: &str, limit: Duration) -> Result<Said, CallError> {
        call(
            OsStr::new("sh"),
            &["-c", line],
            &[("A".to_owned(), "b".to_owned())],
            &["HOME".to_owned()],
            limit,
        )
    }

    #[test]
    fn both_streams_and_the_code_come_back() {
        let long = Duration::from_secs(60);
        let said = shell("echo $A${HOME-none}; echo err >&2; exit 7", long).unwrap();
        assert_eq!((said.code, said.out.as_str(), said.err.as_str()), (Some(7), "bnone\n", "err\n"));
        let much = shell("head -c 1000000 /dev/zero", long).unwrap();
        assert_eq!(much.out.len(), 1_000_000);
    }

    #[test]
    fn a_program_that_hangs_is_ended_and_one_that_is_not_there_is_told() {
        let begin = Instant::now();
        let hung = shell("sleep 100; true", Duration::from_millis(200));
        assert!(matches!(hung, Err(CallError::Ended(why)) if why == "no answer within 0.2 s"));
        assert!(begin.elapsed() < Duration::from_secs(50));
        let none = call::<&str>(OsStr::new("not-a-program-anywhere"), &[], &[], &[], Duration::from_secs(1));
        assert!(matches!(none, Err(CallError::Missing(_))));
    }
}
