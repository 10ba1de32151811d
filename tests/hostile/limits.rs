//! The tables of limits in SECURITY.md.

use std::fs;
use std::path::Path;

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).expect(path)
}

/// The rows of the table with a heading, cells without backquotes.
fn rows(heading: &str) -> Vec<Vec<String>> {
    let text = read(".github/SECURITY.md");
    let table = text.split_once(heading).expect("the table").1;
    let rows = table.lines().skip(1).take_while(|line| line.starts_with('|'));
    rows.map(|row| row.trim_matches('|').split('|').map(|cell| cell.trim().replace('`', "")).collect()).collect()
}

/// The number that a constant has in the source: `1_000`, or `64 << 20`.
fn constant(text: &str) -> u64 {
    let number = |text: &str| text.trim().replace('_', "").parse::<u64>().expect(text);
    match (text.split_once("<<"), text.split_once('*')) {
        (Some((number_of, shift)), _) => number(number_of) << number(shift),
        (None, Some((factor, unit))) if unit.trim() == "LOGICAL_SECTOR" => number(factor),
        _ => number(text),
    }
}

/// The number in a cell: `1,000`, `64 MiB`, or `64 sectors`.
fn written(text: &str) -> u64 {
    let (number, unit) = text.split_once(' ').unwrap_or((text, ""));
    let shift = match unit {
        "" | "sectors" => 0,
        "KiB" => 10,
        "MiB" => 20,
        "GiB" => 30,
        "TiB" => 40,
        other => panic!("{other} is no unit"),
    };
    number.replace(',', "").parse::<u64>().expect(text) << shift
}

#[test]
fn the_table_of_limits_has_the_values_of_the_constants() {
    let rows = rows("| limit | where | constant | value |\n");
    assert!(rows.len() > 25, "{} rows", rows.len());
    for row in rows {
        let [_, file, name, value] = row.try_into().expect("four cells");
        let source = read(&format!("src/{file}"));
        let line = source.lines().find(|line| line.contains(&format!("const {name}: "))).expect(&name);
        let in_source = line.split_once('=').expect("a value").1.trim_end_matches(';');
        assert_eq!(constant(in_source), written(&value), "{file} {name}");
    }
}

#[test]
fn the_table_of_budgets_has_the_values_of_the_source() {
    let source = read("src/error/budget.rs").split_whitespace().collect::<Vec<_>>().join(" ");
    let mut all: Vec<[String; 3]> = Vec::new();
    for allowance in source.split("what: \"").skip(1) {
        let (what, rest) = allowance.split_once("\", floor: ").expect("a floor");
        let (floor, rest) = rest.split_once(", per_mebibyte: ").expect("an amount for each MiB");
        let (more, _) = rest.split_once(" }").expect("an end");
        all.push([what.to_owned(), constant(floor).to_string(), constant(more).to_string()]);
    }
    let rows = rows("| budget | any image | and for each MiB of it |\n").into_iter();
    let rows = rows.map(|row| [row[0].clone(), written(&row[1]).to_string(), written(&row[2]).to_string()]);
    assert_eq!(rows.collect::<Vec<_>>(), all);
}
