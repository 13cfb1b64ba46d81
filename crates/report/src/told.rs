//! What a report shows, before it is written in any form.

use crate::claims::Judgement;
use crate::figures::Figure;
use crate::table::Block;
use crate::telling::Telling;
use basin_core::Citation;

/// Everything a report shows, computed once.
#[derive(Clone, Debug)]
pub(crate) struct Told<'a> {
    pub(crate) telling: Telling<'a>,
    pub(crate) judgements: Vec<Judgement>,
    pub(crate) blocks: Vec<Block>,
    pub(crate) figures: Vec<Figure>,
    pub(crate) citations: Vec<Citation>,
}
