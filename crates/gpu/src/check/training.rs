//! Losses and updates.

use super::super::loss::{Loss, Teacher, Together};
use super::super::optim::{self, Arrays, Progress, Rates, Record, Rule, STATE_BYTES};
use super::super::{Block, GpuError, Storage};
use super::Bench;
use basin_kernels::loss::Target;
use basin_kernels::{Adam, Sgd};

/// The state and records of a few steps.
struct Run {
    state: Block,
    records: Block,
    steps: usize,
}

impl Run {
    fn new(bench: &Bench, steps: usize) -> Result<Self, GpuError> {
        let (state, records) = (bench.pool.zeroed(STATE_BYTES)?, bench.pool.zeroed(steps * Record::BYTES)?);
        Ok(Self { state, records, steps })
    }

    fn progress(&self) -> Progress<'_> {
        Progress { state: self.state.span(), records: self.records.span(), steps: self.steps }
    }

    fn records(&self, bench: &Bench) -> Result<Vec<Record>, GpuError> {
        let mut bytes = vec![0; self.steps * Record::BYTES];
        bench.pool.queue().read(self.records.span().part(0, bytes.len())?, &mut bytes)?;
        Ok(bytes.chunks_exact(Record::BYTES).map(Record::decode).collect())
    }
}

fn labels(bench: &mut Bench, rows: usize, classes: usize) -> Result<(Vec<u32>, Block), GpuError> {
    let labels: Vec<u32> = (0..rows).map(|_| bench.numbers.below(classes) as u32).collect();
    let bytes: Vec<u8> = labels.iter().flat_map(|l| l.to_le_bytes()).collect();
    Ok((labels, bench.pool.holding(&bytes)?))
}

pub(super) fn loss(bench: &mut Bench) -> Result<(), GpuError> {
    for (rows, classes, taught) in [(5, 10, false), (300, 100, false), (33, 10, true), (7, 200, true)] {
        let (mut z, _) = bench.stored(rows * classes)?;
        // Powers of two keep them in the storage; ties are among them.
        z.iter_mut().for_each(|z| *z *= 8.0);
        z[1] = z[0];
        let z_there = bench.put(bench.storage(), &z)?;
        let ((labels, labels_there), (t, t_there)) =
            (labels(bench, rows, classes)?, bench.single(rows * classes)?);
        let (label_weight, temperature, scale) = (0.3, 4.0, 1.0 / rows as f32);
        let target = match taught {
            true => Target::Teacher { logits: &t, label_weight, temperature },
            false => Target::Labels,
        };
        let expected = basin_kernels::loss::loss(&z, &labels, target, scale);
        let teacher = taught.then(|| Teacher { logits: t_there.span(), label_weight, temperature });
        let storage = bench.storage();
        let loss = Loss { storage, rows, classes, labels: labels_there.span(), scale, teacher };
        let (gradient, run) = (bench.room(z.len())?, Run::new(bench, 1)?);
        loss.run(&bench.pool, z_there.span(), gradient.span(), run.progress())?;
        bench.compare(&gradient, &expected.gradient)?;
        let found = run.records(bench)?[0];
        bench.see(&[found.loss as f32], &[expected.loss as f32]);
        bench.same(found.correct as usize == expected.correct);
    }
    Ok(())
}

pub(super) fn together(bench: &mut Bench) -> Result<(), GpuError> {
    let (rows, classes, temperature) = (9, 11, 2.0);
    let teachers =
        [bench.stored(rows * classes)?, bench.stored(rows * classes)?, bench.stored(rows * classes)?];
    let to = bench.single_room(rows * classes)?;
    let together = Together { storage: bench.storage(), rows, classes, temperature, to: to.span() };
    let mut mean = vec![0.0f32; rows * classes];
    for (i, (logits, on_device)) in teachers.iter().enumerate() {
        together.add(bench.pool.queue(), on_device.span(), i == 0)?;
        for (mean, z) in mean.chunks_exact_mut(classes).zip(logits.chunks_exact(classes)) {
            let sum: f32 = z.iter().map(|z| (z / temperature).exp()).sum();
            mean.iter_mut().zip(z).for_each(|(m, z)| *m += (z / temperature).exp() / sum / 3.0);
        }
    }
    together.finish(bench.pool.queue(), 3)?;
    mean.iter_mut().for_each(|m| *m = temperature * m.ln());
    bench.compare_single(&to, &mean)
}

/// All arrays of an update, with what the CPU makes of them.
struct Update {
    arrays: [(Vec<f32>, Block); 4],
    copy: Block,
    rates: Block,
    run: Run,
}

const VALUES: usize = 2_500;

impl Update {
    fn new(bench: &mut Bench, rates: &[Rates]) -> Result<Self, GpuError> {
        let mut arrays = [(); 4].map(|()| bench.single(VALUES));
        // A second moment is never negative.
        if let Ok((second, on_device)) = &mut arrays[2] {
            second.iter_mut().for_each(|v| *v = v.abs());
            *on_device = bench.put(Storage::F32, second)?;
        }
        let [params, first, second, gradient] = arrays;
        let bytes: Vec<u8> = rates.iter().flat_map(Rates::encode).collect();
        Ok(Self {
            arrays: [params?, first?, second?, gradient?],
            copy: bench.pool.take(2 * VALUES)?,
            rates: bench.pool.holding(&bytes)?,
            run: Run::new(bench, rates.len())?,
        })
    }

    fn step(&self, bench: &Bench, rule: Rule) -> Result<(), GpuError> {
        let [params, first, second, gradient] = &self.arrays;
        let moments = [first.1.span(), second.1.span()];
        let count = if matches!(rule, Rule::Sgd { .. }) { 1 } else { 2 };
        let arrays = Arrays {
            n: VALUES,
            params: params.1.span(),
            gradient: gradient.1.span(),
            moments: &moments[..count],
            copy: Some(self.copy.span()),
            rates: self.rates.span(),
        };
        optim::update(&bench.pool, arrays, rule, self.run.progress())
    }

    fn compare(&self, bench: &mut Bench) -> Result<(), GpuError> {
        for (expected, found) in &self.arrays[..3] {
            bench.compare_single(found, expected)?;
        }
        let copy = bench.get(Storage::Bf16, self.copy.span(), VALUES)?;
        let params = bench.get(Storage::F32, self.arrays[0].1.span(), VALUES)?;
        let rounded = params.iter().map(|p| f32::from_bits(u32::from(super::numbers::bf16(*p)) << 16));
        bench.same(rounded.eq(copy.iter().copied()));
        Ok(())
    }
}

/// Three steps, of which the first is clipped.
pub(super) fn sgd(bench: &mut Bench) -> Result<(), GpuError> {
    let rate = |step: usize| 0.1 / (step + 1) as f64;
    let rates =
        [0, 1, 2].map(|s| Rates { rate: rate(s) as f32, clip: (s == 0).then_some(2.0), ..Rates::default() });
    let mut update = Update::new(bench, &rates)?;
    for (step, now) in rates.iter().enumerate() {
        update.step(bench, Rule::Sgd { momentum: 0.9, l2: 1e-3 })?;
        let [params, velocity, _, gradient] = &mut update.arrays;
        let norm = gradient.0.iter().map(|g| f64::from(*g).powi(2)).sum::<f64>().sqrt();
        let shrink = now.clip.filter(|clip| norm > *clip).map_or(1.0, |clip| (clip / norm) as f32);
        let gradient: Vec<f32> = gradient.0.iter().map(|g| g * shrink).collect();
        let sgd = Sgd { rate: rate(step), momentum: 0.9, l2: 1e-3 };
        sgd.update(&mut params.0, &mut velocity.0, &gradient);
    }
    let good = update.run.records(bench)?.iter().all(|r| r.done && !r.refused && !r.overflowed);
    bench.same(good);
    update.compare(bench)
}

pub(super) fn adam(bench: &mut Bench) -> Result<(), GpuError> {
    let adam = Adam { rate: 0.01, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, l2: 1e-3, weight_decay: 0.1 };
    let rates = [1u64, 2].map(|step| {
        let corrected = |beta: f64| 1.0 - beta.powf(step as f64);
        Rates {
            rate: (adam.rate / corrected(adam.beta1)) as f32,
            root: corrected(adam.beta2).sqrt() as f32,
            keep: (1.0 - adam.rate * adam.weight_decay) as f32,
            clip: None,
        }
    });
    let mut update = Update::new(bench, &rates)?;
    let rests = [(1.0 - adam.beta1) as f32, (1.0 - adam.beta2) as f32];
    let rule = Rule::Adam { betas: [0.9, 0.999], rests, epsilon: 1e-8, l2: 1e-3 };
    for step in [1, 2] {
        update.step(bench, rule)?;
        let [params, first, second, gradient] = &mut update.arrays;
        adam.update(step, &mut params.0, &mut first.0, &mut second.0, &gradient.0);
    }
    update.compare(bench)
}

/// A gradient that is not finite changes nothing, then or later; an update that overflows is told.
pub(super) fn refusal(bench: &mut Bench) -> Result<(), GpuError> {
    let rule = Rule::Sgd { momentum: 0.9, l2: 0.0 };
    let rates = [Rates { rate: 0.1, ..Rates::default() }; 2];
    let mut update = Update::new(bench, &rates)?;
    let good = std::mem::take(&mut update.arrays[3].0);
    let mut bad = good.clone();
    bad[VALUES - 1] = f32::NAN;
    update.arrays[3].1 = bench.put(Storage::F32, &bad)?;
    update.step(bench, rule)?;
    update.arrays[3].1 = bench.put(Storage::F32, &good)?;
    update.step(bench, rule)?;
    let params = bench.get(Storage::F32, update.arrays[0].1.span(), VALUES)?;
    let told = update.run.records(bench)?.iter().map(|r| (r.refused, r.done)).collect::<Vec<_>>();
    bench.same(params == update.arrays[0].0 && told == [(true, true), (false, false)]);

    let update = Update::new(bench, &[Rates { rate: f32::MAX, ..Rates::default() }; 2])?;
    update.step(bench, rule)?;
    update.step(bench, rule)?;
    let told = update.run.records(bench)?.iter().map(|r| (r.overflowed, r.done)).collect::<Vec<_>>();
    bench.same(told == [(true, true), (false, false)]);
    Ok(())
}
