#![allow(clippy::unwrap_used, clippy::panic)]
//! Which operands an operator takes, and which font is in force, as tables.

use super::{Token, Tokens, takes};
use crate::verify::drawing_tests::{field, read_with};

/// Whether the first operator takes what stands before it.
fn taken(content: &str) -> bool {
    let mut operands = Vec::new();
    for token in Tokens::new(content.as_bytes()) {
        match token {
            Token::Operator(operator) => return takes(operator, &operands),
            operand => operands.push(operand),
        }
    }
    panic!("{content} has no operator")
}

#[test]
fn an_operator_takes_its_operands() {
    for content in [
        "(a) Tj",
        "<61> Tj",
        "(a) '",
        "1 -.5 (a) \"",
        "[(a) -20 <62> 4] TJ",
        "[] TJ",
        "/F 10 Tf",
        "1 0 0 1 2 5 Tm",
        "2 5 Td",
        "0 Tc",
        "0 0 9 9 re",
        "1 0 0 rg",
        "0 0 0 1 k",
        "0.5 g",
        "1 sc",
        "0 0 0 1 SC",
        "/DeviceRGB cs",
        "/G gs",
        "[3 2] 0 d",
        "[] 0 d",
        "/P <</MCID 1>> BDC",
        "/P /L BDC",
        "/Tx BMC",
        "BT",
        "ET",
        "q",
        "Q",
        "T*",
        "f",
        "W",
        "n",
    ] {
        assert!(taken(content), "{content}");
    }
}

#[test]
fn an_operator_takes_neither_more_nor_fewer_nor_others() {
    for content in [
        "(a) (b) Tj",
        "Tj",
        "/a (b) Tj",
        "1 (b) Tj",
        "[(a)] Tj",
        "(a) (b) '",
        "1 (a) \"",
        "1 2 (a) (b) \"",
        "(a) TJ",
        "(a) [(b)] TJ",
        "[(a)] [(b)] TJ",
        "[(a) [(b)]] TJ",
        "[/a (b)] TJ",
        "/F /Q 10 Tf",
        "/F 10 12 Tf",
        "10 Tf",
        "/F Tf",
        "10 /F Tf",
        "1 0 0 1 0 0 0 Tm",
        "1 0 0 1 2 Tm",
        "2 5 9 Td",
        "0 0 Tr",
        "Tr",
        "1 0 g",
        "g",
        "/x 0 g",
        "true 0 g",
        "1 1 1 0 rg",
        "1 0 0 1 1 k",
        "0 0 9 re",
        "9 q",
        "(a) ET",
        "/a Q",
        "<</A (b)>> BT",
        "/P /Q gs",
        "[3 2] d",
        "3 2 d",
        "sc",
        "1 1 1 1 1 sc",
        "1-2 Tc",
        "90-00 Tc",
    ] {
        assert!(!taken(content), "{content}");
    }
}

#[test]
fn the_font_is_a_part_of_the_saved_state() {
    let plain = "/Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding";
    let turned = "<</BaseEncoding/WinAnsiEncoding/Differences[49/nine]>>";
    let resources = format!("<</Font<</H<<{plain}/WinAnsiEncoding>>/Q<<{plain}{turned}>>>>>>");
    let read = |content: &str| read_with(content, &resources, &field()).map(|shown| shown.text);
    let show = "BT 2 5 Td (100) Tj ET";
    for (content, text) in [
        (format!("/H 10 Tf {show}"), "100"),
        (format!("/Q 10 Tf {show}"), "900"),
        (format!("q /H 10 Tf q /Q 10 Tf Q {show} Q"), "100"),
        (format!("q /Q 10 Tf q /H 10 Tf Q {show} Q"), "900"),
        (format!("/Q 10 Tf q q /H 10 Tf Q Q {show}"), "900"),
    ] {
        assert_eq!(read(&content), Ok(Some(text.to_owned())), "{content}");
    }
    for (content, why) in [
        (format!("q /H 10 Tf Q {show}"), "font whose characters cannot be told"),
        (format!("/H 10 Tf {show} Q"), "not saved"),
        (format!("/H 10 Tf {} {show}", "q ".repeat(29)), "too many states"),
    ] {
        assert!(read(&content).unwrap_err().contains(why), "{content}: {:?}", read(&content));
    }
}
