//! Recipes of any work: what is needed is what members and records reach, and digests are equal exactly where everything
//! that determines a result is. Merging plans by these digests is `basin-reproduce`'s, which a tensor framework comes with.
#![no_main]

use basin_core::{Citation, DataRef, LabelSkew, Params, Record, SeedTree, digest};
use basin_ensemble::{
    AtStart, Constant, Lab, NodeId, Objective, ParamOp, ParamOpError, Probe, ProbeError, Recipe, RecipeError,
    Schedule, Setting, Starting, Trajectory, WarmupCosine, Work, keys,
};
use basin_fuzz::{USUAL, bounded};
use libfuzzer_sys::arbitrary::{self, Unstructured};
use libfuzzer_sys::fuzz_target;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Most nodes of a recipe.
const MOST: usize = 200;

#[derive(Debug)]
struct Operation(u8);

impl ParamOp for Operation {
    fn id(&self) -> String {
        format!("operation {}", self.0)
    }
    fn apply(&self, _: &[&Params], _: &SeedTree) -> Result<Params, ParamOpError> {
        Err(ParamOpError { operation: self.id(), reason: "never asked".into() })
    }
}

#[derive(Debug)]
struct Measurement(u8, Vec<DataRef>);

impl Probe for Measurement {
    fn id(&self) -> &'static str {
        "measurement"
    }
    fn settings(&self) -> String {
        self.0.to_string()
    }
    fn citations(&self) -> Vec<Citation> {
        Vec::new()
    }
    fn data(&self) -> Vec<DataRef> {
        self.1.clone()
    }
    fn cost(&self, inputs: usize, _: &dyn Fn(&DataRef) -> usize) -> u64 {
        inputs as u64
    }
    fn run(&self, _: &mut dyn Lab) -> Result<Record, ProbeError> {
        Err(ProbeError::Lab("never asked".into()))
    }
}

/// A recipe, with all that determines each node's result in words.
#[derive(Default)]
struct Made {
    recipe: Recipe,
    nodes: Vec<(NodeId, String)>,
}

type Drawn<T> = arbitrary::Result<T>;

fuzz_target!(|bytes: &[u8]| {
    let made = bounded(bytes.len(), USUAL, || made(&mut Unstructured::new(bytes)));
    bounded(bytes.len(), USUAL, || tried(&made));
});

fn made(draw: &mut Unstructured<'_>) -> Made {
    let mut made = Made::default();
    while made.nodes.len() < MOST && !draw.is_empty() && node(draw, &mut made).is_ok() {}
    made
}

fn node(draw: &mut Unstructured<'_>, made: &mut Made) -> Drawn<()> {
    let name = format!("name-{}", draw.int_in_range(0..=9)?);
    let (id, words) = match draw.int_in_range(0..=6)? {
        0 => {
            let seed = path(draw)?;
            (made.recipe.init(seed.clone()), format!("init {seed}"))
        }
        1 => {
            let content = digest([&[draw.int_in_range(0..=3u8)?][..]]);
            (made.recipe.import(name, "somewhere", content), format!("import {content}"))
        }
        2 => return trained(draw, made, name),
        3 => return snapshot(draw, made),
        4 => {
            let (operation, inputs, seed) = (draw.int_in_range(0..=3)?, inputs(draw, made)?, path(draw)?);
            let words = format!("transform {operation} {} {seed}", joined(made, &inputs));
            (made.recipe.transform(name, Arc::new(Operation(operation)), inputs, seed), words)
        }
        5 => {
            let (settings, inputs, seed) = (draw.int_in_range(0..=3)?, inputs(draw, made)?, path(draw)?);
            let data = (0..draw.int_in_range(0..=2)?).map(|_| images(draw)).collect::<Drawn<Vec<_>>>()?;
            let words = format!("probe {settings} {data:?} {} {seed}", joined(made, &inputs));
            (made.recipe.probe(name, Arc::new(Measurement(settings, data)), inputs, seed), words)
        }
        _ => {
            let member = one(draw, made)?;
            made.recipe.member(member);
            return Ok(());
        }
    };
    made.nodes.push((id, words));
    Ok(())
}

fn path(draw: &mut Unstructured<'_>) -> Drawn<String> {
    Ok(format!("member/{}/{}", draw.int_in_range(0..=2)?, draw.choose(&["init", "order"])?))
}

fn one(draw: &mut Unstructured<'_>, made: &Made) -> Drawn<NodeId> {
    Ok(draw.choose(&made.nodes)?.0)
}

fn inputs(draw: &mut Unstructured<'_>, made: &Made) -> Drawn<Vec<NodeId>> {
    (0..draw.int_in_range(0..=4)?).map(|_| one(draw, made)).collect()
}

/// Inputs in words: what determines them, not where they stand.
fn joined(made: &Made, inputs: &[NodeId]) -> String {
    let words: Vec<String> = inputs.iter().map(|id| short(&made.nodes[id.index()].1)).collect();
    format!("of [{}]", words.join(", "))
}

/// Words of words grow without end; their digest does not.
fn short(words: &str) -> String {
    digest([words.as_bytes()]).to_string()
}

fn images(draw: &mut Unstructured<'_>) -> Drawn<DataRef> {
    let whole = if draw.arbitrary()? { DataRef::train() } else { DataRef::test() };
    let n = draw.int_in_range(1..=3)?;
    let part = match draw.int_in_range(0..=4)? {
        0 => whole,
        1 => whole.first(n),
        2 => whole.share(n - 1, 3, n as u64),
        3 => whole.skewed(n % 2, LabelSkew::GitReBasin, 1),
        _ => whole.skewed(n % 2, LabelSkew::PerMille(n as u32), 1),
    };
    Ok(if draw.arbitrary()? { part.seen(*draw.choose(&["grey", "fog:1"])?) } else { part })
}

fn schedule(draw: &mut Unstructured<'_>) -> Drawn<Arc<dyn Schedule>> {
    let (rate, epochs) = (*draw.choose(&[0.1, 0.2, 1e-9])?, draw.int_in_range(1..=4)?);
    let cosine = WarmupCosine { peak: rate, epochs, warmup: 0.1, floor: None };
    Ok(match draw.int_in_range(0..=3)? {
        0 => Arc::new(Constant { rate, epochs, warmup: 0.0 }),
        1 => Arc::new(cosine),
        2 => Arc::new(WarmupCosine { floor: Some(rate / 2.0), ..cosine }),
        _ => Arc::new(Starting { epoch: epochs, schedule: cosine }),
    })
}

fn objective(draw: &mut Unstructured<'_>, made: &Made) -> Drawn<(Objective, String)> {
    if draw.arbitrary()? {
        return Ok((Objective::CrossEntropy, "labels".into()));
    }
    let teachers = inputs(draw, made)?;
    let (label_weight, temperature) = (*draw.choose(&[0.0, 0.5])?, *draw.choose(&[1.0, 4.0])?);
    let replay = if draw.arbitrary()? { Some(draw.int_in_range(1..=2)?) } else { None };
    let words = format!("taught {label_weight} {temperature} {replay:?} {}", joined(made, &teachers));
    Ok((Objective::Distillation { teachers, label_weight, temperature, replay }, words))
}

fn trained(draw: &mut Unstructured<'_>, made: &mut Made, name: String) -> Drawn<()> {
    let from = one(draw, made)?;
    let (start_epoch, epoch) = (draw.int_in_range(0..=3)?, draw.int_in_range(0..=4)?);
    let (order, schedule, data) = (path(draw)?, schedule(draw)?, images(draw)?);
    let (objective, taught) = objective(draw, made)?;
    let sides = if draw.arbitrary()? { vec![data.clone(), images(draw)?] } else { Vec::new() };
    let moments = if draw.arbitrary()? { AtStart::Continue } else { AtStart::Reset };
    let words = format!(
        "{start_epoch} {order} {schedule:?} {taught} {data:?} {sides:?} {moments:?} {}",
        joined(made, &[from])
    );
    let method = "m".to_owned();
    let trajectory =
        Trajectory { name, method, from, start_epoch, order, schedule, objective, data, sides, moments };
    match made.recipe.train(trajectory, epoch) {
        Ok(id) => made.nodes.push((id, format!("train to {epoch}: {words}"))),
        Err(error) => assert!(epoch <= start_epoch && matches!(error, RecipeError::Backwards { .. })),
    }
    Ok(())
}

fn snapshot(draw: &mut Unstructured<'_>, made: &mut Made) -> Drawn<()> {
    let (of, epoch) = (one(draw, made)?, draw.int_in_range(0..=4u64)?);
    let words = made.nodes[of.index()].1.clone();
    match made.recipe.snapshot(of, epoch) {
        Ok(id) => {
            let (_, path) = words.split_once(": ").expect("a trained node");
            made.nodes.push((id, format!("train to {epoch}: {path}")));
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
    Ok(())
}

fn tried(made: &Made) {
    let setting = Setting::named("setting");
    let found = keys(&made.recipe, &setting);
    assert_eq!(found, keys(&made.recipe, &setting));
    assert_eq!((found.nodes.len(), found.trajectories.len()), (made.nodes.len(), made.nodes.len()));
    let (mut by_key, mut by_words) = (BTreeMap::new(), BTreeMap::new());
    for (key, (_, words)) in found.nodes.iter().zip(&made.nodes) {
        assert_eq!(by_key.entry(key.to_string()).or_insert(words), &words);
        assert_eq!(by_words.entry(words).or_insert(key), &key);
    }
    for (node, trajectory) in made.recipe.nodes().iter().zip(&found.trajectories) {
        assert_eq!(matches!(node, Work::Train { .. }), trajectory.is_some());
    }
    let mut reached = vec![false; made.nodes.len()];
    let mut open: Vec<NodeId> = made.recipe.members().iter().chain(made.recipe.records()).copied().collect();
    while let Some(id) = open.pop() {
        if !std::mem::replace(&mut reached[id.index()], true) {
            open.extend(made.recipe.nodes()[id.index()].inputs());
        }
    }
    assert_eq!(made.recipe.needed(), reached);
}
