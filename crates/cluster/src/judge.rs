//! Why a job is not in the queue any more, and what becomes of it.

use crate::accounts::remembered;
use crate::array::{exit_file, log_file};
use crate::board::{Board, Place, Standing};
use crate::queue::{Ended, Entry};
use crate::reason::{Code, Reason, of_code};
use crate::script::comment;
use crate::session::Session;
use crate::{ClusterError, NO_PROGRAM, NOT_VISIBLE};
use std::collections::BTreeMap;
use std::io::{Read, Seek, SeekFrom};

/// What becomes of a job that is not in the queue and not done.
#[derive(Debug)]
pub(crate) enum Fate {
    /// It is not clear yet: look again.
    Wait,
    /// It is submitted again, with so much memory where that was raised.
    Again(Reason, Option<u64>),
    /// It goes back to those that wait: it never began.
    Withdrawn,
    /// It failed for good.
    Failed(String),
    /// Jobs cannot work here at all.
    Stop(ClusterError),
}

/// What a job left in its exit file.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Exit {
    pub(crate) code: i32,
    pub(crate) job: String,
    pub(crate) host: String,
}

impl Exit {
    pub(crate) fn read(session: &Session<'_>, place: &Place) -> Result<Option<Self>, ClusterError> {
        let bytes =
            session.folder.read(&exit_file(&place.array, place.index)).map_err(ClusterError::Folder)?;
        let text = String::from_utf8_lossy(&bytes.unwrap_or_default()).into_owned();
        let words: Vec<&str> = text.split_whitespace().collect();
        let [code, job, _, host] = words[..] else { return Ok(None) };
        Ok(code.parse().ok().map(|code| Self { code, job: job.to_owned(), host: host.to_owned() }))
    }
}

/// What a watcher knows beside the board.
#[derive(Debug, Default)]
pub(crate) struct Experience {
    /// Names the run.
    pub(crate) token: String,
    /// Whether jobs of the past can be asked for.
    pub(crate) accounting: bool,
    /// Whether a job was seen to reach the run directory and the program.
    pub(crate) proven: bool,
    /// Nodes that did not, while others did.
    pub(crate) excluded: Vec<String>,
    /// What accounts told of arrays in this round, by their ids.
    pub(crate) past: BTreeMap<u64, String>,
}

impl Experience {
    fn past(&mut self, session: &Session<'_>, board: &Board<'_>, place: &Place) -> Option<Entry> {
        let id = board.arrays.get(&place.array)?.id?;
        let told = self.past.entry(id).or_insert_with(|| session.slurm.past(&place.array, id));
        remembered(told, &place.array, id, place.index).filter(|entry| !entry.state.is_live())
    }
}

/// Decides what becomes of a job at `place` that is not done; `entry` is what the queue shows of its end, if anything. `settled` tells
/// whether a shared disk had time to show what the job wrote.
pub(crate) fn judge(
    session: &Session<'_>,
    board: &Board<'_>,
    job: usize,
    place: &Place,
    entry: Option<&Entry>,
    settled: bool,
    experience: &mut Experience,
) -> Result<Fate, ClusterError> {
    let none = Standing::default();
    let standing = board.standing(job).unwrap_or(&none);
    let exit = Exit::read(session, place)?;
    let code = exit.as_ref().map(|exit| exit.code);
    experience.proven |= code.is_some_and(|code| code != NOT_VISIBLE && code != NO_PROGRAM);
    // The queue forgets after some minutes.
    let past = match entry {
        None if !settled => return Ok(Fate::Wait),
        None if experience.accounting => experience.past(session, board, place),
        _ => None,
    };
    let entry = entry.or(past.as_ref());
    let ended = entry.and_then(|entry| match entry.state {
        crate::JobState::Ended(ended) => Some(ended),
        _ => None,
    });
    let began = entry.is_none_or(|entry| !entry.node.is_empty());
    let reason = entry.map_or("", |entry| entry.reason.as_str());
    let reason = match ended {
        Some(Ended::Cancelled) if !began && reason.starts_with("Dependency") => return Ok(Fate::Withdrawn),
        Some(Ended::Cancelled) => Reason::Cancelled,
        Some(Ended::TimedOut)
            if code == Some(crate::INTERRUPTED) && times(standing, Reason::TimedOut) > 0 =>
        {
            Reason::Interrupted
        }
        Some(Ended::TimedOut) => Reason::TimedOut,
        Some(Ended::OutOfMemory) => return Ok(more_memory(session, standing, entry, experience)),
        Some(Ended::NodeFailed) => Reason::NodeFailed,
        Some(Ended::Preempted) => Reason::Preempted,
        Some(Ended::Completed) if !settled => return Ok(Fate::Wait),
        Some(Ended::Completed) => Reason::NotSealed,
        Some(Ended::Failed) if !began => {
            return Ok(Fate::Failed(format!("Slurm could not begin it: {reason}")));
        }
        Some(Ended::Failed) | None => {
            return by_code(session, standing, place, entry, exit, experience, settled);
        }
    };
    Ok(within_limit(standing, reason))
}

fn times(standing: &Standing, reason: Reason) -> u32 {
    standing.ended.get(&reason).copied().unwrap_or(0)
}

fn within_limit(standing: &Standing, reason: Reason) -> Fate {
    match times(standing, reason) {
        before if before < reason.limit() => Fate::Again(reason, None),
        before => Fate::Failed(format!("{} times it {}", before + 1, reason.words())),
    }
}

fn more_memory(
    session: &Session<'_>,
    standing: &Standing,
    entry: Option<&Entry>,
    experience: &Experience,
) -> Fate {
    let asked = standing.memory.or((session.settings.memory > 0).then_some(session.settings.memory));
    let given = || {
        let entry = entry?;
        let explained = session.slurm.explain(&entry.job_id(), &comment(&experience.token, &entry.array));
        explained.ok().flatten()?.memory
    };
    let told = entry.and_then(|entry| entry.memory);
    match (within_limit(standing, Reason::OutOfMemory), asked.or(told).or_else(given)) {
        (Fate::Again(reason, _), Some(memory)) => Fate::Again(reason, Some(memory.saturating_mul(2))),
        (Fate::Again(..), None) => {
            Fate::Failed("it ran out of the cluster's default memory; set slurm.memory".into())
        }
        (fate, _) => fate,
    }
}

/// A job that failed: by the code that it left in the run, else by the one that Slurm remembers.
fn by_code(
    session: &Session<'_>,
    standing: &Standing,
    place: &Place,
    entry: Option<&Entry>,
    exit: Option<Exit>,
    experience: &mut Experience,
    settled: bool,
) -> Result<Fate, ClusterError> {
    // Slurm could not open the job's log, which lies in the run directory.
    let launch = entry.filter(|entry| entry.reason == "JobLaunchFailure");
    let told = match (exit, entry) {
        (Some(exit), _) => Some(exit),
        (None, Some(entry)) if launch.is_some() => {
            Some(Exit { code: NOT_VISIBLE, job: entry.job_id(), host: entry.node.clone() })
        }
        (None, Some(entry)) => {
            let explained =
                session.slurm.explain(&entry.job_id(), &comment(&experience.token, &place.array))?;
            explained.map(|told| Exit {
                code: if told.signal > 0 { 128 + told.signal } else { told.code },
                job: entry.job_id(),
                host: told.host,
            })
        }
        (None, None) => None,
    };
    let Some(exit) = told else {
        return Ok(within_limit(standing, if entry.is_some() { Reason::Killed } else { Reason::Lost }));
    };
    Ok(match of_code(exit.code) {
        Code::Again(Reason::NotVisible) if !experience.proven => Fate::Stop(if exit.code == NO_PROGRAM {
            let program = session.exe.display().to_string();
            ClusterError::NoProgramInJobs { program, job: exit.job, host: exit.host }
        } else {
            let why = match launch {
                Some(_) => "Slurm could not open the job's log there",
                None => "cluster/marker is not the one of this run",
            };
            let run = session.folder.path().display().to_string();
            ClusterError::Invisible { run, job: exit.job, host: exit.host, why: why.to_owned() }
        }),
        Code::Again(Reason::NotVisible) => {
            if !experience.excluded.contains(&exit.host) {
                experience.excluded.push(exit.host);
            }
            within_limit(standing, Reason::NotVisible)
        }
        Code::Again(Reason::NotSealed) if !settled => Fate::Wait,
        Code::Again(reason) => within_limit(standing, reason),
        Code::Permanent(words) => Fate::Failed(format!("exit code {}: {words}", exit.code)),
    })
}

/// The last lines that a job said; empty where it said nothing.
pub(crate) fn last_lines(run: &std::path::Path, place: &Place, most: usize) -> Vec<String> {
    const TAIL: u64 = 8192;
    let read = || {
        let mut file = std::fs::File::open(run.join(log_file(&place.array, place.index)))?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(TAIL)))?;
        let mut bytes = Vec::new();
        file.take(TAIL).read_to_end(&mut bytes)?;
        Ok::<_, std::io::Error>(String::from_utf8_lossy(&bytes).into_owned())
    };
    let text = read().unwrap_or_default();
    // A progress bar writes over its line: what stood last is what is seen.
    let lines = text.lines().map(|line| line.rsplit('\r').find(|part| !part.is_empty()).unwrap_or(""));
    let lines: Vec<&str> = lines.map(str::trim_end).filter(|line| !line.is_empty()).collect();
    lines[lines.len().saturating_sub(most)..].iter().map(|&line| line.to_owned()).collect()
}
