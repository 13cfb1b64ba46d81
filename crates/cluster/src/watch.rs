//! The watcher: looks at the run and at the queue, and does what follows, until everything is done or has failed.

use crate::board::{Board, Place, Verdict};
use crate::bundle::jobs;
use crate::folder::{done, prepare, token};
use crate::give_up::give_up;
use crate::judge::{Experience, Fate, judge};
use crate::notes::{self, Note};
use crate::queue::{Entry, JobState, Queue};
use crate::quote::script_path;
use crate::session::{Outcome, Session, patiently, sleep};
use crate::submit::submit;
use crate::tend::{cancel_twins, free_ready, stuck};
use crate::{ClusterError, Site};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// Hands a plan to Slurm and watches over it until every task is done, or failed, or needs one that failed; or until the user wants to
/// leave. Everything that can be refused is refused before anything is submitted. Starting again continues.
///
/// # Errors
/// [`ClusterError`]; jobs in the queue stay there, unless they cannot work at all.
pub fn watch(session: &Session<'_>) -> Result<Outcome, ClusterError> {
    session.settings.check()?;
    script_path(session.folder.path())?;
    script_path(session.exe)?;
    let done = done(session.plan, session.folder)?;
    let jobs = jobs(session.plan, &done, &session.settings.bundling)?;
    let site = patiently(session, 5, || session.slurm.site())?;
    let limit = site.limit(session.settings)?;
    prepare(session.folder)?;
    let board = Board::load(session.plan, done, jobs, session.folder)?;
    let proven = board.standings.values().any(|s| s.attempts > 0) && board.done.iter().any(|&done| done);
    let experience = Experience {
        token: token(session.folder),
        accounting: site.accounting,
        proven,
        ..Experience::default()
    };
    let mut watcher = Watcher { session, board, site, limit, experience, told: String::new() };
    let outcome = watcher.run();
    if matches!(outcome, Err(ClusterError::Invisible { .. } | ClusterError::NoProgramInJobs { .. })) {
        // The error says so; jobs that stay where the controller does not answer end with the same words.
        let queue = session.slurm.queue(session.folder).unwrap_or_default();
        let live = queue.entries.iter().filter(|entry| entry.state.is_live()).map(Entry::job_id);
        let _ = session.slurm.cancel(&live.collect::<Vec<_>>());
    }
    outcome
}

struct Watcher<'a> {
    session: &'a Session<'a>,
    board: Board<'a>,
    site: Site,
    limit: Option<u32>,
    experience: Experience,
    /// What was said last of how it goes.
    told: String,
}

impl Watcher<'_> {
    fn run(&mut self) -> Result<Outcome, ClusterError> {
        let mut away = 0_u32;
        loop {
            if (self.session.interrupt)() {
                (self.session.say)(
                    "jobs that were submitted stay in the queue (scancel --me ends them); the same command continues",
                );
                return Ok(Outcome::of(&self.board, true));
            }
            let mut pause = self.session.settings.poll_seconds;
            match self.round() {
                Ok(true) => return Ok(Outcome::of(&self.board, false)),
                Ok(false) => {
                    if away > 0 {
                        (self.session.say)("Slurm's controller answers again");
                    }
                    away = 0;
                }
                Err(error @ ClusterError::Unavailable { .. }) => {
                    if away == 0 {
                        (self.session.say)(&error.to_string());
                    }
                    pause *= f64::from(1 << away.min(4));
                    away += 1;
                }
                Err(error) => return Err(error),
            }
            sleep(self.session, pause);
        }
    }

    /// One look at everything, and what follows from it; true when nothing is left.
    fn round(&mut self) -> Result<bool, ClusterError> {
        // The queue first: what ends after this look is seen to be done, never the other way round.
        let queue = self.session.slurm.queue(self.session.folder)?;
        self.board.refresh(self.session.folder)?;
        self.board.hold(&queue, self.session.folder)?;
        cancel_twins(self.session, &self.board, &queue)?;
        self.judge_all(&queue)?;
        if (0..self.board.jobs.len()).all(|job| self.board.is_settled(job)) {
            self.tell(&queue);
            // What waits there has nothing left to do: others did it.
            let waits = queue.entries.iter().filter(|entry| entry.state == JobState::Pending);
            self.session.slurm.cancel(&waits.map(Entry::job_id).collect::<Vec<_>>())?;
            return Ok(true);
        }
        free_ready(self.session, &self.board, &queue)?;
        let live = queue.entries.iter().filter(|entry| entry.state.is_live()).count();
        let handed = submit(self.session, &mut self.board, &self.site, self.limit, live, &self.experience)?;
        if handed.jobs > 0 {
            let (jobs, arrays) = (handed.jobs, handed.arrays);
            (self.session.say)(&format!("submitted {} in {}", count(jobs, "job"), count(arrays, "array")));
        }
        if let Some((error, jobs)) = handed.refused {
            self.refused(error, &jobs, live + handed.jobs)?;
        }
        self.tell(&queue);
        Ok(false)
    }

    fn judge_all(&mut self, queue: &Queue) -> Result<(), ClusterError> {
        let places = queue.by_place();
        self.experience.past.clear();
        let mut failed = Vec::new();
        let mut fresh = Vec::new();
        for job in 0..self.board.jobs.len() {
            let Some(place) = self.board.standing(job).and_then(|standing| standing.at.clone()) else {
                continue;
            };
            if self.board.is_settled(job) {
                self.experience.proven |= self.board.open(job).next().is_none();
                continue;
            }
            let entry = places.find(&place.array, place.index);
            let fate = match entry.filter(|entry| entry.state.is_live()) {
                Some(entry) => {
                    self.board.standing_mut(job).unsettled = None;
                    stuck(self.session, entry)?
                }
                None => self.ended(job, &place, entry)?,
            };
            let digest = self.board.jobs[job].digest.clone();
            let name = &self.board.jobs[job].name;
            match fate {
                None | Some(Fate::Wait) => {}
                Some(Fate::Withdrawn) => {
                    self.board.standing_mut(job).at = None;
                    fresh.push(Note::Withdrawn { job: digest });
                }
                Some(Fate::Again(reason, memory)) => {
                    let with = match (reason, memory) {
                        (crate::Reason::TimedOut, _) => " with twice the time".to_owned(),
                        (_, Some(memory)) => format!(" with {memory} MB"),
                        _ => String::new(),
                    };
                    (self.session.say)(&format!("{name} {}; it is submitted again{with}", reason.words()));
                    self.board.ended(&digest, reason, memory);
                    fresh.push(Note::Ended { job: digest, reason, memory });
                }
                Some(Fate::Failed(why)) => failed.push((job, place, why)),
                Some(Fate::Stop(error)) => return Err(error),
            }
        }
        if !fresh.is_empty() {
            notes::add(self.session.folder, &fresh)?;
        }
        if failed.is_empty() { Ok(()) } else { give_up(self.session, &mut self.board, queue, failed) }
    }

    fn ended(
        &mut self,
        job: usize,
        place: &Place,
        entry: Option<&Entry>,
    ) -> Result<Option<Fate>, ClusterError> {
        let patience = Duration::from_secs_f64(self.session.settings.settle_seconds);
        let since = *self.board.standing_mut(job).unsettled.get_or_insert_with(Instant::now);
        let settled = since.elapsed() >= patience;
        judge(self.session, &self.board, job, place, entry, settled, &mut self.experience).map(Some)
    }

    /// A refusal may be a limit on jobs in the queue: while some of ours are there, there is something to wait for.
    fn refused(&mut self, error: ClusterError, jobs: &[usize], live: usize) -> Result<(), ClusterError> {
        let raised = jobs.iter().any(|&job| {
            self.board.standing(job).is_some_and(|s| s.raised() != crate::ask::Raised::default())
        });
        if raised {
            let why = format!("more time or memory was {error}");
            let place = |job: usize| Place { array: String::new(), index: job };
            let failed = jobs.iter().map(|&job| (job, place(job), why.clone())).collect();
            return give_up(self.session, &mut self.board, &Queue::default(), failed);
        }
        if live == 0 {
            return Err(error);
        }
        (self.session.say)(&format!("the queue takes no more for now: {error}"));
        Ok(())
    }

    fn tell(&mut self, queue: &Queue) {
        let of = |state: JobState| queue.entries.iter().filter(|entry| entry.state == state).count();
        let done = self.board.done.iter().filter(|&&done| done).count();
        let failed =
            self.board.standings.values().filter(|s| matches!(s.verdict, Some(Verdict::Failed { .. })));
        let mut line = format!("{done} of {} done", count(self.board.plan.len(), "task"));
        let (running, queued) = (of(JobState::Running), of(JobState::Pending));
        // Where nothing goes on, what holds the jobs is what matters.
        let held = if running == 0 { why_they_wait(queue) } else { String::new() };
        for (number, word) in
            [(running, "running"), (queued, &*format!("queued{held}")), (failed.count(), "failed")]
        {
            if number > 0 {
                line.push_str(&format!(", {} {word}", count(number, "job")));
            }
        }
        if line != self.told {
            (self.session.say)(&line);
            self.told = line;
        }
    }
}

/// Slurm's reasons for which jobs wait, in brackets; nothing where there are none but other jobs of ours.
fn why_they_wait(queue: &Queue) -> String {
    let waits = queue.entries.iter().filter(|entry| entry.state == JobState::Pending);
    let reasons: BTreeSet<&str> = waits.map(|entry| entry.reason.as_str()).collect();
    let told: Vec<&str> = reasons.into_iter().filter(|r| !["", "None", "Dependency"].contains(r)).collect();
    if told.is_empty() { String::new() } else { format!(" ({})", basin_core::plain(&told.join(", "))) }
}

pub(crate) fn count(number: usize, word: &str) -> String {
    if number == 1 { format!("1 {word}") } else { format!("{number} {word}s") }
}
