//! Names beside the data they belong to: where there is room, and in a legend where there is none.

use super::axis::LABEL_SIZE;
use super::font::text_width;
use super::grid::hatch;
use super::palette::{Ink, Marker};
use super::scene::{Anchor, Dash, Mark, Region, Scene};

/// Widths of an edge between cells and of the rim on either side of it, which shows on dark cells.
pub(super) const EDGE: [(Ink, f64); 2] = [(Ink::White, 7.0), (Ink::Black, 3.6)];
/// The marker of a cell, and its radius.
pub(super) const MARKED: (Marker, f64) = (Marker::Diamond, 4.4);

/// What must stay readable, and where labels may stand.
#[derive(Clone, Debug)]
pub struct Room {
    /// Labels stay inside.
    pub bounds: Region,
    /// Labels stay off.
    pub taken: Vec<Region>,
}

impl Room {
    /// Writes `text` at the first of `spots` (points of the data, best first) that has room on any side; above is
    /// tried before below when `upward`.
    /// False when none has; the room is then as before.
    pub fn place(
        &mut self,
        scene: &mut Scene,
        text: &str,
        ink: Ink,
        spots: &[(f64, f64)],
        upward: bool,
    ) -> bool {
        let found = self.find(text, spots, upward);
        let mark = |(at, anchor)| {
            let text = text.to_owned();
            Mark::Text { at, text, size: LABEL_SIZE, ink, anchor, bold: true, upright: false }
        };
        scene.marks.extend(found.map(mark));
        found.is_some()
    }

    /// Where [`Room::place`] would write; that place is then taken.
    pub fn find(&mut self, text: &str, spots: &[(f64, f64)], upward: bool) -> Option<((f64, f64), Anchor)> {
        // Clear of the largest marker on every side.
        self.beside(text, LABEL_SIZE, 11.0, spots, upward)
    }

    /// The same for text of another size, so far from the point that it belongs to.
    pub fn beside(
        &mut self,
        text: &str,
        size: f64,
        gap: f64,
        spots: &[(f64, f64)],
        upward: bool,
    ) -> Option<((f64, f64), Anchor)> {
        for &(x, y) in spots {
            let middle = y + 0.35 * size;
            let mut sides = [
                ((x + gap, middle), Anchor::Start),
                ((x - gap, middle), Anchor::End),
                ((x, y - gap), Anchor::Middle),
                ((x, y + gap + 0.75 * size), Anchor::Middle),
                ((x + gap, y - gap), Anchor::Start),
                ((x - gap, y - gap), Anchor::End),
                ((x + gap, y + gap + 0.6 * size), Anchor::Start),
                ((x - gap, y + gap + 0.6 * size), Anchor::End),
            ];
            if !upward {
                sides.swap(2, 3);
            }
            for (at, anchor) in sides {
                let region = Region::of_text(text, size, at, anchor);
                if self.bounds.holds(&region) && !self.taken.iter().any(|taken| taken.overlaps(&region)) {
                    self.taken.push(region);
                    return Some((at, anchor));
                }
            }
        }
        None
    }
}

/// What a legend shows before a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// The method's marker.
    Point,
    /// The marker's outline.
    Hollow,
    /// A piece of line, broken as the line is.
    Line(Dash),
    /// A hatched box: no number.
    Hatched,
    /// A piece of the edge between cells.
    Edge,
    /// The marker of a cell.
    Marked,
    /// A circle of so many pixels' radius, at most nine: how large points are.
    Sized(u8),
}

/// Rows of keys of one kind, see [`keys`].
pub fn legend(scene: &mut Scene, entries: &[(&str, Ink)], key: Key, place: (f64, f64), right: f64) -> f64 {
    let entries: Vec<(&str, Ink, Key)> = entries.iter().map(|(name, ink)| (*name, *ink, key)).collect();
    keys(scene, &entries, place, right)
}

/// Width of what stands before a name, and of the gap after it.
const SIGN: f64 = 18.0;
const AFTER: f64 = 6.0;
/// From row to row.
const ROW: f64 = 1.5 * LABEL_SIZE;

/// How wide a key and its name are.
fn extent(name: &str) -> f64 {
    SIGN + AFTER + 1.06 * text_width(name, LABEL_SIZE)
}

/// Rows of keys and names from `(left, top)`, broken before `right`; returns the height used.
pub fn keys(scene: &mut Scene, entries: &[(&str, Ink, Key)], (left, top): (f64, f64), right: f64) -> f64 {
    let (mut x, mut y) = (left, top + LABEL_SIZE);
    for entry in entries {
        let wide = extent(entry.0);
        if x > left && x + wide > right {
            (x, y) = (left, y + ROW);
        }
        key(scene, entry, (x, y));
        x += wide + 16.0;
    }
    if entries.is_empty() { 0.0 } else { y - top + 0.5 * LABEL_SIZE }
}

/// The same as columns, as many as fit side by side, each read from top to bottom.
pub fn columns(scene: &mut Scene, entries: &[(&str, Ink, Key)], (left, top): (f64, f64), right: f64) -> f64 {
    let widest = entries.iter().map(|entry| extent(entry.0)).fold(1.0, f64::max);
    let fit = ((right - left + 16.0) / (widest + 16.0)).floor().max(1.0) as usize;
    let rows = entries.len().div_ceil(fit);
    for (place, entry) in entries.iter().enumerate() {
        let (column, row) = (place / rows, place % rows);
        key(scene, entry, (left + column as f64 * (widest + 16.0), top + LABEL_SIZE + row as f64 * ROW));
    }
    rows as f64 * ROW
}

/// One key and its name, on a baseline that begins here.
fn key(scene: &mut Scene, (name, ink, key): &(&str, Ink, Key), (x, y): (f64, f64)) {
    let middle = y - 0.33 * LABEL_SIZE;
    let (at, marker, radius, ink) = ((x + SIGN / 2.0, middle), ink.marker(), 5.0, *ink);
    match *key {
        Key::Point => scene.marks.push(Mark::Point { at, marker, radius, ink }),
        Key::Hollow => scene.marks.push(Mark::Hollow { at, marker, radius, ink }),
        Key::Line(dash) => {
            let points = vec![(x, middle), (x + SIGN, middle)];
            scene.marks.push(Mark::Line { points, ink, width: 2.5, opacity: 1.0, dash });
        }
        Key::Hatched => {
            let (top, bottom) = (middle - 6.0, middle + 6.0);
            hatch(scene, vec![Region { left: x, top, right: x + SIGN, bottom }]);
        }
        Key::Edge => scene.marks.extend(EDGE.map(|(ink, width)| {
            let points = vec![(x + 1.0, middle), (x + SIGN - 1.0, middle)];
            Mark::Line { points, ink, width, opacity: 1.0, dash: Dash::Solid }
        })),
        Key::Marked => {
            let (marker, radius) = MARKED;
            scene.marks.push(Mark::Rimmed { at, marker, radius, ink: Ink::White, rim: Ink::Black });
        }
        Key::Sized(radius) => {
            let (marker, radius) = (Marker::Circle, f64::from(radius));
            scene.marks.push(Mark::Hollow { at, marker, radius, ink });
        }
    }
    scene.text((x + SIGN + AFTER, y), name, LABEL_SIZE, Ink::Text, Anchor::Start);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room(right: f64) -> Room {
        Room { bounds: Region { left: 0.0, top: 0.0, right, bottom: 100.0 }, taken: Vec::new() }
    }

    #[test]
    fn two_labels_at_one_spot_do_not_overlap() {
        let (mut scene, mut room) = (Scene::new(400.0, 100.0, ""), room(400.0));
        for name in ["Con. Ens.", "Dist. Ens."] {
            assert!(room.place(&mut scene, name, Ink::Text, &[(200.0, 50.0)], true));
        }
        assert!(!room.taken[0].overlaps(&room.taken[1]));
    }

    #[test]
    fn columns_are_read_from_top_to_bottom_and_stay_inside() {
        let names = ["one", "two", "three", "four", "five"];
        let entries = names.map(|name| (name, Ink::Method(0), Key::Point));
        let mut scene = Scene::new(200.0, 100.0, "");
        let high = columns(&mut scene, &entries, (10.0, 0.0), 190.0);
        let text = |mark: &Mark| match mark {
            Mark::Text { text, at, .. } => Some((text.clone(), *at)),
            _ => None,
        };
        let at: Vec<(String, (f64, f64))> = scene.marks.iter().filter_map(text).collect();
        assert!(at[0].1.0 == at[1].1.0 && at[1].1.1 > at[0].1.1 && at[4].1.0 > at[0].1.0, "{at:?}");
        assert!(at.iter().all(|(name, (x, y))| x + text_width(name, LABEL_SIZE) <= 190.0 && *y <= high));
        assert_eq!(columns(&mut scene, &[], (0.0, 0.0), 100.0), 0.0);
    }

    #[test]
    fn without_room_nothing_is_written() {
        let (mut scene, mut room) = (Scene::new(30.0, 100.0, ""), room(30.0));
        assert!(!room.place(&mut scene, "Dist. Deep Ens.", Ink::Text, &[(15.0, 50.0)], true));
        assert!(scene.marks.is_empty() && room.taken.is_empty());
    }
}
