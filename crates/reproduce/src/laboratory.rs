//! The laboratory of this engine: networks and records from node directories, logits from the backend of the run.

use crate::Case;
use crate::device::OnDevice;
use crate::execute::{Executor, unfit_state};
use crate::held::Held;
use crate::progress::Task;
use anyhow::{Context, Result};
use basin_core::{Array, DataRef, Labels, Logits, Params, Record, SeedTree, Simplex};
use basin_ensemble::{Lab, LabError, Mixing, Probe, ProbeError, StatisticsOn};
use basin_models::NetworkStatistics;
use basin_plan::NodeIndex;
use basin_store::NodeDir;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// What one measurement is given.
pub(crate) struct Bench<'a> {
    pub(crate) executor: &'a Executor<'a>,
    pub(crate) case: &'a Case,
    pub(crate) dir: &'a NodeDir,
    pub(crate) device: Option<&'a OnDevice>,
    pub(crate) networks: &'a [NodeIndex],
    pub(crate) records: &'a [NodeIndex],
    pub(crate) seeds: SeedTree,
    /// Whether work was stopped from elsewhere.
    pub(crate) stopped: &'a dyn Fn() -> bool,
    /// Tells of progress; made when the number of steps is known.
    pub(crate) begin: &'a dyn Fn(u64, u64) -> Task<'a>,
    /// Says something to the user.
    pub(crate) say: &'a dyn Fn(&str),
}

impl Bench<'_> {
    /// Runs a probe, going on from what an earlier attempt kept.
    ///
    /// # Errors
    /// The probe's; what the laboratory was stopped by.
    pub(crate) fn measure(&self, probe: &dyn Probe) -> Result<Record> {
        let held = Held::new(self.case, self.device, probe.data())?;
        let records = self.records.iter().map(|&node| self.executor.record(node)).collect::<Result<_>>()?;
        let kept = match self.dir.load_state()? {
            Some((_, bytes, notes)) => {
                notes.iter().for_each(|note| (self.say)(note));
                Some(Record::decode(&bytes).with_context(|| unfit_state(self.dir))?)
            }
            None => None,
        };
        let checkpoint = Duration::from_secs_f64(self.case.config.run().checkpoint_seconds);
        let mut laboratory = Laboratory {
            bench: self,
            held,
            records,
            kept,
            params: BTreeMap::new(),
            statistics: BTreeMap::new(),
            made: None,
            task: None,
            checkpoint,
            last: Instant::now(),
        };
        laboratory.check()?;
        probe.run(&mut laboratory).map_err(|error| match error {
            ProbeError::Lab(error) => handed_back(error),
            other => other.into(),
        })
    }
}

struct Laboratory<'b, 'a> {
    bench: &'b Bench<'a>,
    held: Held<'b>,
    records: Vec<Record>,
    kept: Option<Record>,
    params: BTreeMap<usize, Params>,
    /// Of networks on images, for REPAIR; measured once.
    statistics: BTreeMap<(usize, DataRef), NetworkStatistics>,
    /// The last network between others that cost more than a sum, for the next images it is asked about.
    made: Option<Made>,
    task: Option<Task<'a>>,
    checkpoint: Duration,
    last: Instant,
}

/// A network between others.
struct Made {
    who: Vec<usize>,
    weights: Simplex,
    mixing: Mixing,
    params: Params,
}

impl Laboratory<'_, '_> {
    fn check(&self) -> Result<()> {
        self.bench.executor.interrupt.check()?;
        if (self.bench.stopped)() {
            return Err(crate::exit::Interrupted.into());
        }
        Ok(())
    }

    fn load(&mut self, network: usize) -> Result<&Params> {
        if !self.params.contains_key(&network) {
            let node = self.bench.networks.get(network);
            let node = node.with_context(|| format!("no network {network} was handed in"))?;
            self.params.insert(network, self.bench.executor.params(*node)?);
        }
        self.params.get(&network).context("the network that was put there")
    }

    fn load_all(&mut self, who: &[usize]) -> Result<()> {
        who.iter().try_for_each(|&network| self.load(network).map(|_| ()))
    }

    fn between(
        &mut self,
        who: &[usize],
        weights: &Simplex,
        mixing: &Mixing,
        data: &DataRef,
    ) -> Result<Logits> {
        self.load_all(who)?;
        match mixing {
            Mixing::Plain => {
                let networks: Vec<&Params> = who.iter().map(|network| &self.params[network]).collect();
                Ok(self.held.evaluator(data)?.logits_between(&networks, weights)?)
            }
            Mixing::Reestimated(on) => {
                self.on(data, who, weights, mixing, |lab| lab.reestimated(who, weights, on))
            }
            Mixing::Repair { images } => {
                self.on(data, who, weights, mixing, |lab| lab.repaired(who, weights, *images))
            }
        }
    }

    /// Logits of a network between others, made unless it was the last one.
    fn on(
        &mut self,
        data: &DataRef,
        who: &[usize],
        weights: &Simplex,
        mixing: &Mixing,
        make: impl FnOnce(&mut Self) -> Result<Params>,
    ) -> Result<Logits> {
        let same = |made: &Made| {
            (&made.who[..], made.weights.weights(), &made.mixing) == (who, weights.weights(), mixing)
        };
        let made = match self.made.take().filter(same) {
            Some(made) => made,
            None => {
                let (who, weights) = (who.to_vec(), weights.clone());
                Made { who, weights, mixing: mixing.clone(), params: make(self)? }
            }
        };
        let logits = self.held.evaluator(data)?.logits(&made.params);
        self.made = Some(made);
        Ok(logits?)
    }

    /// The network between, with running statistics of its own unless it is one of them that keeps what it has.
    fn reestimated(&mut self, who: &[usize], weights: &Simplex, on: &StatisticsOn) -> Result<Params> {
        let networks: Vec<&Params> = who.iter().map(|network| &self.params[network]).collect();
        let merged = Params::convex_combination(&networks, weights)?;
        match weights.weights().iter().filter(|weight| **weight != 0.0).count() {
            0 | 1 if on.sides.is_empty() => Ok(merged),
            _ => self.held.reestimated(&merged, on),
        }
    }

    /// The network between, with the statistics of its ends. Statistics of an end are measured once.
    fn repaired(&mut self, who: &[usize], weights: &Simplex, n: usize) -> Result<Params> {
        let train = DataRef::train().first(n);
        let evaluator = self.held.evaluator(&train)?;
        for end in who {
            let key = (*end, train.clone());
            if !self.statistics.contains_key(&key) {
                let statistics = evaluator.statistics(&self.params[end]).context("statistics for REPAIR")?;
                self.statistics.insert(key, statistics);
            }
        }
        let ends: Vec<&Params> = who.iter().map(|end| &self.params[end]).collect();
        let of = |end: &usize| &self.statistics[&(*end, train.clone())];
        let statistics: Vec<&NetworkStatistics> = who.iter().map(of).collect();
        let merged = Params::convex_combination(&ends, weights)?;
        Ok(evaluator.repaired(&merged, &statistics, weights)?)
    }
}

impl Laboratory<'_, '_> {
    fn labels(&self, data: &DataRef) -> Result<Labels> {
        self.held.labels(data)
    }

    fn logits(&mut self, params: &Params, data: &DataRef) -> Result<Logits> {
        Ok(self.held.evaluator(data)?.logits(params)?)
    }

    fn features(&mut self, params: &Params, data: &DataRef) -> Result<Option<Array>> {
        self.check()?;
        Ok(self.held.evaluator(data)?.features(params)?)
    }

    fn gradient(&mut self, params: &Params, data: &DataRef, images: &[usize]) -> Result<(f64, Params)> {
        self.check()?;
        Ok(self.held.evaluator(data)?.gradient(params, images)?)
    }

    fn step(&mut self, done: u64, of: u64, partial: &dyn Fn() -> Record) -> Result<()> {
        let begin = self.bench.begin;
        self.task.get_or_insert_with(|| begin(of, done.saturating_sub(1))).step(done);
        let stop = self.check();
        if stop.is_err() || self.last.elapsed() >= self.checkpoint {
            self.bench.dir.save_state(done, &partial().encode())?;
            self.last = Instant::now();
        }
        stop
    }
}

impl Lab for Laboratory<'_, '_> {
    fn networks(&self) -> usize {
        self.bench.networks.len()
    }

    fn params(&mut self, network: usize) -> Result<Params, LabError> {
        self.load(network).cloned().map_err(passed)
    }

    fn records(&self) -> &[Record] {
        &self.records
    }

    fn labels(&self, data: &DataRef) -> Result<Labels, LabError> {
        self.labels(data).map_err(passed)
    }

    fn logits(&mut self, params: &Params, data: &DataRef) -> Result<Logits, LabError> {
        self.logits(params, data).map_err(passed)
    }

    fn features(&mut self, params: &Params, data: &DataRef) -> Result<Option<Array>, LabError> {
        self.features(params, data).map_err(passed)
    }

    fn logits_between(
        &mut self,
        who: &[usize],
        weights: &Simplex,
        mixing: &Mixing,
        data: &DataRef,
    ) -> Result<Logits, LabError> {
        self.between(who, weights, mixing, data).map_err(passed)
    }

    fn gradient(
        &mut self,
        params: &Params,
        data: &DataRef,
        images: &[usize],
    ) -> Result<(f64, Params), LabError> {
        self.gradient(params, data, images).map_err(passed)
    }

    fn reestimated(&mut self, params: &Params, on: &StatisticsOn) -> Result<Params, LabError> {
        self.held.reestimated(params, on).map_err(passed)
    }

    fn seeds(&self) -> SeedTree {
        self.bench.seeds
    }

    fn kept(&self) -> Option<&Record> {
        self.kept.as_ref()
    }

    fn step(&mut self, done: u64, of: u64, partial: &dyn Fn() -> Record) -> Result<(), LabError> {
        self.step(done, of, partial).map_err(passed)
    }
}

/// An error on its way through a probe. As a plain box it would come back without its kind, and so without its exit code.
#[derive(Debug, thiserror::Error)]
#[error("{0:#}")]
struct Passed(anyhow::Error);

fn passed(error: anyhow::Error) -> LabError {
    Passed(error).into()
}

/// What a probe handed back, as it was when the probe got it.
fn handed_back(error: LabError) -> anyhow::Error {
    match error.downcast() {
        Ok(passed) => {
            let Passed(error) = *passed;
            error
        }
        Err(own) => anyhow::Error::from_boxed(own),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit;

    #[test]
    fn an_error_that_went_through_a_probe_keeps_its_code() {
        let through = |error: anyhow::Error| exit::code(&handed_back(passed(error)).context("node probe"));
        assert_eq!(through(exit::Interrupted.into()), exit::INTERRUPTED);
        assert_eq!(through(anyhow::Error::from(exit::Interrupted).context("measuring")), exit::INTERRUPTED);
    }
}
