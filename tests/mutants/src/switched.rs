//! A file's text with its changes in it, each behind its switch.
//!
//! Only insertions: what stands in the file stays there, in its order, so that a change inside another's operand keeps
//! its own switch. What a change puts in instead is a copy of the text without switches, since one alone is on at a time.
//! Each stands between comments with its number, by which [`crate::viable`] knows it in a message of the compiler.

use std::collections::HashMap;
use std::ops::Range;

use proc_macro2::{LineColumn, Span};
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{Arm, BinOp, Expr, ExprBinary, ExprStruct, ExprUnary};

use crate::mutant::{Change, Mutant, Place};

/// A piece of text to be put in at a byte of the file.
struct Insertion {
    at: usize,
    /// How it stands to others of the same place: what closes comes before what opens; of those that open the outer
    /// one is first, of those that close the inner one. Of two around the same the outer one was found first.
    rank: (u8, isize, isize),
    text: String,
}

/// Puts `mutants`, all of this file, into `text`; gives the new text and the numbers of those that found a place.
pub(crate) fn switch(text: &str, mutants: &[Mutant]) -> Result<(String, Vec<u32>), syn::Error> {
    let file = syn::parse_file(text)?;
    let mut by_place: HashMap<Place, Vec<&Mutant>> = HashMap::new();
    for mutant in mutants {
        by_place.entry(mutant.from).or_default().push(mutant);
    }
    let mut switcher = Switcher {
        text,
        lines: line_starts(text),
        by_place,
        insertions: Vec::new(),
        placed: Vec::new(),
    };
    for mutant in mutants {
        // A function that gives some iterator gives one type of it, which the other would not be.
        if let Change::Body(instead) = &mutant.change
            && !instead.contains("::std::iter::")
        {
            switcher.body(mutant, instead);
        }
    }
    switcher.visit_file(&file);
    Ok((inserted(text, switcher.insertions), switcher.placed))
}

fn inserted(text: &str, mut insertions: Vec<Insertion>) -> String {
    insertions.sort_by_key(|insertion| (insertion.at, insertion.rank));
    let mut result = String::with_capacity(text.len() * 3);
    let mut done = 0;
    for insertion in insertions {
        result.push_str(&text[done..insertion.at]);
        result.push_str(&insertion.text);
        done = insertion.at;
    }
    result.push_str(&text[done..]);
    result
}

fn line_starts(text: &str) -> Vec<usize> {
    std::iter::once(0)
        .chain(text.match_indices('\n').map(|(at, _)| at + 1))
        .collect()
}

/// Whether the change is on, in the words of the copy.
fn is_on(number: u32) -> String {
    format!("crate::mutant_switch::is_on({number})")
}

fn marked(number: u32, text: &str) -> String {
    format!("/*<{number}*/{text}/*{number}>*/")
}

struct Switcher<'a> {
    text: &'a str,
    lines: Vec<usize>,
    by_place: HashMap<Place, Vec<&'a Mutant>>,
    insertions: Vec<Insertion>,
    placed: Vec<u32>,
}

impl<'a> Switcher<'a> {
    fn byte(&self, at: LineColumn) -> usize {
        let start = self.lines[at.line - 1];
        let line = &self.text[start..];
        start
            + line
                .char_indices()
                .nth(at.column)
                .map_or(line.len(), |(byte, _)| byte)
    }

    fn range(&self, span: Span) -> Range<usize> {
        self.byte(span.start())..self.byte(span.end())
    }

    fn at(&self, span: Span) -> Vec<&'a Mutant> {
        let start = span.start();
        let place = Place {
            line: start.line,
            column: start.column + 1,
        };
        self.by_place.get(&place).cloned().unwrap_or_default()
    }

    /// How many have been found.
    fn found(&self) -> isize {
        self.insertions.len().cast_signed()
    }

    fn open(&mut self, around: &Range<usize>, text: String) {
        let length = isize::try_from(around.len()).unwrap_or(isize::MAX);
        self.insertions.push(Insertion {
            at: around.start,
            rank: (1, -length, self.found()),
            text,
        });
    }

    fn close(&mut self, around: &Range<usize>, text: &str) {
        let length = isize::try_from(around.len()).unwrap_or(isize::MAX);
        self.insertions.push(Insertion {
            at: around.end,
            rank: (0, length, -self.found()),
            text: text.to_owned(),
        });
    }

    fn body(&mut self, mutant: &Mutant, instead: &str) {
        let at = self.byte(LineColumn {
            line: mutant.from.line,
            column: mutant.from.column - 1,
        });
        let gives = marked(mutant.number, &format!("return {instead};"));
        let text = format!("if {} {{ {gives} }} ", is_on(mutant.number));
        // In front of whatever else begins there.
        self.insertions.push(Insertion {
            at,
            rank: (1, isize::MIN, self.found()),
            text,
        });
        self.placed.push(mutant.number);
    }

    /// Each of `others` where its switch is on, and otherwise what stands there.
    fn choose(&mut self, around: &Range<usize>, others: &[(u32, String)]) {
        if others.is_empty() {
            return;
        }
        let mut text = String::from("(");
        for (number, other) in others {
            text.push_str(&format!(
                "if {} {{ {} }} else ",
                is_on(*number),
                marked(*number, other)
            ));
            self.placed.push(*number);
        }
        text.push('{');
        self.open(around, text);
        self.close(around, "})");
    }
}

/// Whether a `let` stands in a chain of conditions, which cannot stand in parentheses.
fn is_chain(expression: &Expr) -> bool {
    match expression {
        Expr::Let(_) => true,
        Expr::Binary(ExprBinary {
            op: BinOp::And(_),
            left,
            right,
            ..
        }) => is_chain(left) || is_chain(right),
        _ => false,
    }
}

impl<'a> Visit<'a> for Switcher<'_> {
    fn visit_expr_binary(&mut self, node: &'a ExprBinary) {
        let around = self.range(node.span());
        let left = self.text[self.range(node.left.span())].to_owned();
        let right = self.text[self.range(node.right.span())].to_owned();
        if !is_chain(&node.left) && !is_chain(&node.right) {
            let others: Vec<(u32, String)> = self
                .at(node.op.span())
                .into_iter()
                .filter_map(|mutant| match &mutant.change {
                    Change::Binary(operator) => {
                        Some((mutant.number, format!("{left} {operator} {right}")))
                    }
                    _ => None,
                })
                .collect();
            self.choose(&around, &others);
        }
        visit::visit_expr_binary(self, node);
    }

    fn visit_expr_unary(&mut self, node: &'a ExprUnary) {
        let around = self.range(node.span());
        let inner = self.text[self.range(node.expr.span())].to_owned();
        let others: Vec<(u32, String)> = self
            .at(node.op.span())
            .into_iter()
            .filter(|mutant| mutant.change == Change::Unary)
            .map(|mutant| (mutant.number, inner.clone()))
            .collect();
        self.choose(&around, &others);
        visit::visit_expr_unary(self, node);
    }

    fn visit_arm(&mut self, node: &'a Arm) {
        let mut conditions = Vec::new();
        if let Some((_, guard)) = &node.guard {
            for mutant in self.at(guard.span()) {
                let Change::Guard(says) = mutant.change else {
                    continue;
                };
                let on = marked(mutant.number, &is_on(mutant.number));
                conditions.push(if says {
                    format!("{on} || ")
                } else {
                    format!("!{on} && ")
                });
                self.placed.push(mutant.number);
            }
        }
        // `false` binds closer than `true`, in whatever order they are listed.
        conditions.sort_by_key(|condition| condition.starts_with('!'));
        for mutant in self.at(node.span()) {
            if mutant.change == Change::Arm {
                conditions.push(format!(
                    "!{} && ",
                    marked(mutant.number, &is_on(mutant.number))
                ));
                self.placed.push(mutant.number);
            }
        }
        if !conditions.is_empty() {
            if let Some((_, guard)) = &node.guard {
                let around = self.range(guard.span());
                self.open(&around, format!("{}(", conditions.concat()));
                self.close(&around, ")");
            } else {
                let around = self.range(node.pat.span());
                self.close(&around, &format!(" if {}true", conditions.concat()));
            }
        }
        visit::visit_arm(self, node);
    }

    fn visit_expr_struct(&mut self, node: &'a ExprStruct) {
        let around = self.range(node.span());
        let mut others = Vec::new();
        for field in &node.fields {
            for mutant in self.at(field.span()) {
                if mutant.change == Change::Field {
                    let field = self.range(field.span());
                    let rest = self.text[field.end..around.end]
                        .trim_start()
                        .trim_start_matches(',')
                        .trim_start();
                    let without = format!("{}{rest}", &self.text[around.start..field.start]);
                    others.push((mutant.number, without));
                }
            }
        }
        self.choose(&around, &others);
        visit::visit_expr_struct(self, node);
    }
}

#[cfg(test)]
mod tests {
    use super::switch;
    use crate::mutant::{Change, Mutant, Place};

    const TEXT: &str = "\
fn f(a: u8, b: u8) -> bool {
    let s = S { x: -1, ..S::base() };
    match a {
        0 if b > 1 => !s.is(a + b * 2),
        1 => a == b && b == 3,
        _ => false,
    }
}
";

    /// A change at the first place in a line where `at` stands.
    fn mutant(number: u32, line: usize, at: &str, change: Change) -> Mutant {
        let text = TEXT.lines().nth(line - 1).expect("there is such a line");
        let column = text.find(at).expect("it stands there") + 1;
        Mutant {
            number,
            file: String::new(),
            name: String::new(),
            from: Place { line, column },
            function: None,
            change,
        }
    }

    #[test]
    fn each_change_stands_behind_its_switch_and_nothing_else_has_changed() {
        let binary = |operator: &str| Change::Binary(operator.to_owned());
        let mutants = [
            mutant(1, 2, "let", Change::Body("true".to_owned())),
            mutant(2, 2, "-1", Change::Unary),
            mutant(3, 2, "x:", Change::Field),
            mutant(4, 4, "b > 1", Change::Guard(true)),
            mutant(5, 4, "b > 1", Change::Guard(false)),
            mutant(6, 4, "> 1", binary(">=")),
            mutant(7, 4, "!s", Change::Unary),
            mutant(8, 4, "+", binary("-")),
            mutant(9, 4, "*", binary("/")),
            mutant(10, 5, "1 =>", Change::Arm),
            mutant(11, 5, "&&", binary("||")),
            mutant(12, 5, "== 3", binary("!=")),
        ];
        let (switched, mut placed) = switch(TEXT, &mutants).expect("it is Rust");
        placed.sort_unstable();
        assert_eq!(placed, (1..=12).collect::<Vec<_>>());
        syn::parse_file(&switched).expect("it is Rust still");
        for inside in [
            "/*<1*/return true;/*1>*/",
            "/*<2*/1/*2>*/",
            "/*<3*/S { ..S::base() }/*3>*/",
            "/*<6*/b >= 1/*6>*/",
            "/*<7*/s.is(a + b * 2)/*7>*/",
            "/*<8*/a - b * 2/*8>*/",
            "/*<9*/b / 2/*9>*/",
            "/*<11*/a == b || b == 3/*11>*/",
            "/*<12*/b != 3/*12>*/",
            "1 if !/*<10*/crate::mutant_switch::is_on(10)/*10>*/ && true =>",
        ] {
            assert!(switched.contains(inside), "{inside}\n{switched}");
        }
        let without: String = switched
            .chars()
            .filter(|one| !one.is_whitespace())
            .collect();
        assert!(without.contains("if/*<4*/crate::mutant_switch::is_on(4)/*4>*/||!/*<5*/crate::mutant_switch::is_on(5)/*5>*/&&("), "{switched}");
    }

    #[test]
    fn a_chain_with_let_keeps_its_form() {
        let text = "fn f() { if let Some(a) = b && c == d {} }\n";
        let place = |at: &str| Place {
            line: 1,
            column: text.find(at).expect("it stands there") + 1,
        };
        let one = |number, at, change| Mutant {
            number,
            file: String::new(),
            name: String::new(),
            from: place(at),
            function: None,
            change,
        };
        let mutants = [
            one(1, "&&", Change::Binary("||".to_owned())),
            one(2, "== d", Change::Binary("!=".to_owned())),
        ];
        let (switched, placed) = switch(text, &mutants).expect("it is Rust");
        assert_eq!(placed, [2]);
        syn::parse_file(&switched).expect("it is Rust still");
    }
}
