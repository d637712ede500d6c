//! A run as a drawing: a panel for each load, a bar for each server.

use std::fmt::Write;

use super::{Results, Row, number};
use crate::metric::METRICS;
use crate::servers::Kind;

/// Colours for a light or a dark page.
#[derive(Clone, Copy)]
pub struct Theme {
    text: &'static str,
    faint: &'static str,
    detent: &'static str,
    bare: &'static str,
    peer: &'static str,
}

impl Theme {
    /// For a light page.
    pub const LIGHT: Theme = Theme {
        text: "#1f2328",
        faint: "#59636e",
        detent: "#0969da",
        bare: "#c4cbd3",
        peer: "#8c96a1",
    };
    /// For a dark page.
    pub const DARK: Theme = Theme {
        text: "#f0f6fc",
        faint: "#9198a1",
        detent: "#4493f8",
        bare: "#3d444d",
        peer: "#6e7681",
    };
}

const PANEL_WIDTH: usize = 430;
const GAP: usize = 30;
const COLUMNS: usize = 2;
const BAR_PITCH: usize = 17;
const BAR_HEIGHT: usize = 12;
const NAMES_WIDTH: usize = 95;
const NUMBERS_WIDTH: usize = 75;
const HEAD_HEIGHT: usize = 44;

/// The drawing.
pub fn chart(results: &Results, theme: Theme) -> String {
    let panels: Vec<_> = results
        .loads()
        .into_iter()
        .map(|load| (load, bars(results, load)))
        .filter(|(_, bars)| bars.len() > 1)
        .collect();
    let mut body = String::new();
    let mut y = 40;
    for row in panels.chunks(COLUMNS) {
        for (column, (load, bars)) in row.iter().enumerate() {
            let x = column * (PANEL_WIDTH + GAP);
            panel(&mut body, theme, (x, y), load, bars);
        }
        let tallest = row.iter().map(|(_, bars)| bars.len()).max().unwrap_or(0);
        y += HEAD_HEIGHT + tallest * BAR_PITCH + 14;
    }
    let width = COLUMNS * PANEL_WIDTH + GAP;
    let machine = &results.machine;
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {y}\" width=\"{width}\" height=\"{y}\" \
         font-family=\"system-ui, sans-serif\" font-size=\"12\">\n"
    );
    let note = format!(
        "{}, {}, {}; medians of {} rounds, load and server on one machine",
        machine.processor, machine.kernel, machine.date, results.rounds
    );
    label(&mut text, (0, 16), theme.faint, "", &note);
    text + &body + "</svg>\n"
}

struct Bar<'a> {
    name: &'a str,
    kind: Kind,
    value: f64,
}

fn bars<'a>(results: &'a Results, load: &Row) -> Vec<Bar<'a>> {
    let servers = results.servers.iter();
    let measured = servers.filter_map(|server| {
        let row = results.row(&load.load, &server.name)?;
        Some(Bar {
            name: &server.name,
            kind: server.kind,
            value: row.spread(&row.main)?.median,
        })
    });
    measured.collect()
}

fn panel(out: &mut String, theme: Theme, (x, y): (usize, usize), load: &Row, bars: &[Bar]) {
    let unit = METRICS.into_iter().find(|metric| metric.key == load.main);
    let unit = unit.map_or("", |metric| metric.title);
    let better = if load.is_gain { "more" } else { "less" };
    label(
        out,
        (x, y + 14),
        theme.text,
        " font-weight=\"600\"",
        &load.title,
    );
    let note = format!("{unit}, {better} is better");
    label(out, (x, y + 30), theme.faint, " font-size=\"11\"", &note);
    let highest = bars.iter().map(|bar| bar.value).fold(0.0, f64::max);
    for (index, bar) in bars.iter().enumerate() {
        let top = y + HEAD_HEIGHT - 6 + index * BAR_PITCH;
        let room = (PANEL_WIDTH - NAMES_WIDTH - NUMBERS_WIDTH) as f64;
        let length = if highest > 0.0 {
            (bar.value / highest * room).max(1.0)
        } else {
            1.0
        };
        let (fill, weight) = match bar.kind {
            Kind::Detent => (theme.detent, " font-weight=\"600\""),
            Kind::Bare => (theme.bare, ""),
            Kind::Peer => (theme.peer, ""),
        };
        let (left, base) = (x + NAMES_WIDTH, top + BAR_HEIGHT - 2);
        label(out, (x, base), theme.text, weight, bar.name);
        // Writing to a string cannot fail.
        writeln!(
            out,
            "<rect x=\"{left}\" y=\"{top}\" width=\"{length:.1}\" height=\"{BAR_HEIGHT}\" rx=\"2\" fill=\"{fill}\"/>"
        )
        .ok();
        let end = left + length as usize + 6;
        label(out, (end, base), theme.text, weight, &number(bar.value));
    }
}

fn label(out: &mut String, (x, y): (usize, usize), fill: &str, more: &str, text: &str) {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    // Writing to a string cannot fail.
    writeln!(
        out,
        "<text x=\"{x}\" y=\"{y}\" fill=\"{fill}\"{more}>{text}</text>"
    )
    .ok();
}
