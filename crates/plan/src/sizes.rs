//! Refuses networks that do not fit into this machine's memory, before anything is begun: the system would end the process
//! without a word, hours later.

use crate::{Case, Study};
use basin_config::UpdateRule;
use basin_exit::Usage;

/// Refuses the first case whose training or measuring takes more memory than there is.
///
/// # Errors
/// With what it would take and what there is.
pub fn check(study: &Study) -> Result<(), Usage> {
    match memory() {
        Some(there) => study.cases.iter().try_for_each(|case| fits(case, there)),
        None => Ok(()),
    }
}

fn fits(case: &Case, there: u64) -> Result<(), Usage> {
    let config = &case.config;
    let (name, width) = (&config.model().name, config.model().width);
    let members = config.ensemble().members as u64;
    let parameters = parameters(case);
    let million = parameters as f64 / 1e6;
    let step = step(case, parameters);
    if step > there {
        return Err(Usage(format!(
            "model.width is {width}: a training step of {name}, of {million:.0} million parameters then, takes {} of memory or \
             more, this machine has {}; choose a smaller model.width",
            gigabytes(step),
            gigabytes(there)
        )));
    }
    measured_together(parameters, members, there, &|| format!("ensemble.members is {members}"))
}

/// Refuses an ensemble of a case that has more members than `ensemble.members` and does not fit into memory.
///
/// # Errors
/// As [`check`].
pub(crate) fn check_ensemble(case: &Case, method: &str, members: usize) -> Result<(), Usage> {
    let Some(there) = memory() else { return Ok(()) };
    let what = || format!("the ensemble {method} has {members} members");
    measured_together(parameters(case), members as u64, there, &what)
}

fn measured_together(
    parameters: u64,
    members: u64,
    there: u64,
    what: &dyn Fn() -> String,
) -> Result<(), Usage> {
    let measuring = 4 * parameters * members;
    if measuring <= there {
        return Ok(());
    }
    Err(Usage(format!(
        "{}: to measure as many networks of {:.1} million parameters together takes {} of memory or more, this machine has {}; \
         choose fewer members or a smaller model.width",
        what(),
        parameters as f64 / 1e6,
        gigabytes(measuring),
        gigabytes(there)
    )))
}

fn gigabytes(bytes: u64) -> String {
    format!("{:.1} GB", bytes as f64 / 1e9)
}

/// Scalars of one network.
pub fn parameters(case: &Case) -> u64 {
    let shapes = case.network.layout().shapes();
    shapes.iter().map(|(_, shape)| shape.iter().map(|side| *side as u64).product::<u64>()).sum()
}

/// Bytes that a step takes at least: weights, moments, gradients of each shard of a batch, and weights packed for both
/// passes. Activations and batches come on top. With a GPU the host keeps weights, moments and what is written of them.
fn step(case: &Case, parameters: u64) -> u64 {
    let moments = if case.config.train().optimiser == UpdateRule::Sgd { 1 } else { 2 };
    let copies = match case.on_device() {
        true => 1 + 2 * moments,
        false => 1 + moments + (case.batch() as u64).min(8) + 3,
    };
    4 * parameters * copies
}

/// Bytes of memory that this process may have, where the system tells.
fn memory() -> Option<u64> {
    let number = |path: &str| std::fs::read_to_string(path).ok()?.trim().parse::<u64>().ok();
    let limit =
        number("/sys/fs/cgroup/memory.max").or_else(|| number("/sys/fs/cgroup/memory/memory.limit_in_bytes"));
    let whole = std::fs::read_to_string("/proc/meminfo").ok().and_then(|text| total(&text));
    whole.into_iter().chain(limit).min()
}

fn total(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Registry;
    use crate::study::Asked;

    fn case(width: &str, more: &[(&str, &str)]) -> Case {
        let registry = Registry::default();
        let paper = registry.papers()[0];
        let mut settings = vec![("model.width", width), ("data.train_images", "64")];
        settings.extend([("data.test_images", "8"), ("connectivity_images", "8")]);
        settings.extend(more);
        let asked = Asked::first(paper, &registry, &settings).unwrap();
        Study::load(&asked).unwrap().cases.swap_remove(0)
    }

    #[test]
    fn what_does_not_fit_is_refused_with_what_it_would_take() {
        let wide = case("64", &[("train.batch", "32")]);
        let error = fits(&wide, 16_000_000_000).unwrap_err().to_string();
        for words in
            ["model.width is 64", "resnet20", "million parameters", "61.8 GB", "this machine has 16.0 GB"]
        {
            assert!(error.contains(words), "{words} in {error}");
        }
        assert!(fits(&wide, 64_000_000_000).is_ok());
        // Whether the GPU is there does not matter: the run was asked for on one.
        let elsewhere = case("64", &[("train.batch", "32"), ("run.device", "cuda")]);
        assert!(fits(&elsewhere, 16_000_000_000).is_ok());
        let many = case("4", &[("ensemble.members", "1000")]);
        let error = fits(&many, 16_000_000_000).unwrap_err().to_string();
        assert!(error.contains("ensemble.members is 1000") && error.contains("18.6 GB"), "{error}");
        assert!(fits(&many, 32_000_000_000).is_ok());
        let samples = || "the ensemble swag has 1000 members".to_owned();
        let error =
            measured_together(parameters(&many), 1000, 16_000_000_000, &samples).unwrap_err().to_string();
        assert!(
            error.starts_with("the ensemble swag has 1000 members: to measure") && error.contains("18.6 GB"),
            "{error}"
        );
    }

    #[test]
    fn the_memory_of_a_machine_is_read_where_it_is_told() {
        assert_eq!(total("MemTotal:       24577868 kB\nMemFree: 1 kB\n"), Some(24_577_868 * 1024));
        assert_eq!(total("MemTotal: much\n"), None);
        assert_eq!(total(""), None);
    }
}
