//! What stands under the tables: what columns mean, and what so many seeds allow to say.

use super::{Block, Section};

/// What the columns of the first tables mean; only of columns that there are.
pub(crate) fn compared_legend(blocks: &[Block]) -> String {
    let sections = || blocks.iter().flat_map(|block| &block.sections);
    let mut text = "Mean ± sd over seeds (number of seeds).".to_owned();
    if sections().any(Section::compared) {
        text += " Difference: ours − paper, with the 95 % interval of Welch's t; within: the interval contains 0; above, \
                 below: it does not.";
    }
    let within = sections().filter(|section| section.lines.iter().any(|line| line.interval.is_some()));
    if let Some(section) = within.into_iter().next() {
        text += &format!(
            " {}: the 95 % interval is Student's over seeds; of one seed it is over test images, and does not say what \
             another seed would give.",
            section.metric.meaning
        );
    }
    text
}

/// What the columns of the second tables mean; only of columns that there are.
pub(crate) fn described_legend(blocks: &[Block]) -> String {
    let mut meanings: Vec<&str> = Vec::new();
    for metric in blocks.iter().flat_map(|block| &block.described.columns) {
        if !metric.meaning.is_empty() && !meanings.contains(&metric.meaning) {
            meanings.push(metric.meaning);
        }
    }
    if meanings.is_empty() {
        return String::new();
    }
    format!("{}. Mean ± sd over seeds.", meanings.join("; "))
}

/// How many seeds stand behind the numbers of a block.
pub(super) fn seeds(sections: &[Section]) -> String {
    let lines = || sections.iter().flat_map(|section| &section.lines);
    let counts = || lines().filter_map(|line| line.ours.as_ref()).map(|ours| ours.n);
    let (Some(fewest), Some(most)) = (counts().min(), counts().max()) else { return String::new() };
    let count = if fewest == most { fewest.to_string() } else { format!("{fewest} to {most}") };
    let plural = if most == 1 { "" } else { "s" };
    let mut text = format!("Ours: {count} seed{plural}");
    if fewest == 1 {
        text += "; one seed has no deviation, so there is no interval over seeds";
    }
    if sections.iter().any(Section::compared) && (2..=4).contains(&most) {
        text += &format!("; n = {most} is weak: the interval is wide and leans on normality");
    }
    text + "."
}
