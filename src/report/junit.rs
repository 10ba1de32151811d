//! Verdicts as JUnit XML, in the form that Jenkins and GitLab read.

use std::io::{self, Write};

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};

use super::escape::is_harmful;
use crate::check::{Answer, Report, Severity, Verdict};

/// Writes one suite for each image, with a case for each verdict. An unknown one is an error. Warnings are cases that pass, with the message as
/// their output.
///
/// # Errors
/// If the writer fails.
pub fn write(out: &mut dyn Write, reports: &[(String, Report)]) -> io::Result<()> {
    let mut writer = Writer::new_with_indent(&mut *out, b' ', 2);
    writer.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    let all = counts(reports.iter().map(|(_, report)| report));
    writer.create_element("testsuites").with_attributes(attributes(&all)).write_inner_content(|writer| {
        for (image, report) in reports {
            let (name, counts) = (clean(image), counts(std::iter::once(report)));
            let suite = writer.create_element("testsuite").with_attribute(("name", name.as_str()));
            let suite = suite.with_attributes(attributes(&counts));
            suite.write_inner_content(|writer| report.verdicts.iter().try_for_each(|verdict| case(writer, verdict)))?;
        }
        Ok(())
    })?;
    writeln!(out)
}

/// How many cases there are, and how many of them are failures and errors.
fn counts<'r>(reports: impl Iterator<Item = &'r Report>) -> [String; 3] {
    let undecided = |verdict: &&Verdict| verdict.answer == Answer::Unknown && verdict.severity == Severity::Error;
    let (mut all, mut failures, mut errors) = (0, 0, 0);
    for report in reports {
        all += report.verdicts.len();
        failures += report.failed();
        errors += report.verdicts.iter().filter(undecided).count();
    }
    [all, failures, errors].map(|count| count.to_string())
}

fn attributes([all, failures, errors]: &[String; 3]) -> [(&str, &str); 3] {
    [("tests", all), ("failures", failures), ("errors", errors)]
}

fn case<W: Write>(writer: &mut Writer<W>, verdict: &Verdict) -> io::Result<()> {
    let (class, name) =
        (format!("nixoscope.{}", verdict.kind.name), clean(&format!("{} {}", verdict.kind.name, verdict.subject)));
    let element =
        writer.create_element("testcase").with_attributes([("classname", class.as_str()), ("name", name.as_str())]);
    if verdict.answer == Answer::Holds {
        element.write_empty()?;
        return Ok(());
    }
    let message = clean(&verdict.message);
    let lines = verdict.reason.iter().chain(&verdict.evidence).map(|line| clean(line));
    let text = lines.collect::<Vec<_>>().join("\n");
    element.write_inner_content(|writer| {
        match (verdict.severity, verdict.answer) {
            (Severity::Warning, answer) => {
                let word = if answer == Answer::Unknown { "unknown" } else { "warning" };
                let text = format!("{word}: {message}\n{text}");
                writer.create_element("system-out").write_text_content(BytesText::new(&text))?;
            }
            (Severity::Error, answer) => {
                let name = if answer == Answer::Unknown { "error" } else { "failure" };
                let attributes = [("message", message.as_str()), ("type", verdict.kind.name)];
                writer.create_element(name).with_attributes(attributes).write_text_content(BytesText::new(&text))?;
            }
        }
        Ok(())
    })?;
    Ok(())
}

/// XML 1.0 has no way to write most control characters (§2.2), and others would harm a terminal.
fn clean(text: &str) -> String {
    let allowed = |letter: char| {
        matches!(letter, '\t' | '\n') || !is_harmful(letter) && !matches!(letter, '\u{fffe}' | '\u{ffff}')
    };
    text.chars().map(|letter| if allowed(letter) { letter } else { '\u{fffd}' }).collect()
}
