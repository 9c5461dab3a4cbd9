#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use super::*;
use std::time::{Duration, Instant};

#[test]
fn writer_and_reader_agree() {
    let inner = octet_string(&vec![7; 300]);
    let all = sequence(&[&integer_u64(128), &boolean(true), &inner, &context(1, &[&null()])]);
    let mut reader = Value::parse(&all, Rules::Der).unwrap().children().unwrap();
    assert_eq!(reader.any().unwrap().unsigned().unwrap(), 128);
    assert!(reader.any().unwrap().boolean().unwrap());
    assert_eq!(reader.any().unwrap().octets().unwrap().len(), 300);
    assert_eq!(reader.expect(tag::context(1)).unwrap().only().unwrap().raw, null());
    reader.end().unwrap();
}

#[test]
fn der_refuses_what_ber_allows() {
    let indefinite = [0x30, 0x80, 0x04, 0x01, 0x55, 0, 0];
    let long = [0x30, 0x81, 0x03, 0x04, 0x01, 0x55];
    for bytes in [&indefinite[..], &long[..]] {
        assert_eq!(Value::parse(bytes, Rules::Der), Err(Asn1Error::Length));
        let value = Value::parse(bytes, Rules::Ber).unwrap();
        assert_eq!(value.only().unwrap().octets().unwrap().as_ref(), [0x55]);
        assert_eq!(value.raw, bytes);
    }
    let pieces = [0x24, 0x80, 0x04, 1, 1, 0x24, 0x80, 0x04, 1, 2, 0, 0, 0x04, 1, 3, 0, 0];
    assert_eq!(Value::parse(&pieces, Rules::Ber).unwrap().octets().unwrap().as_ref(), [1, 2, 3]);
}

#[test]
fn nesting_lengths_and_endless_values_end_quickly() {
    let started = Instant::now();
    let deep = [0x30, 0x80].repeat(500_000);
    assert!(Value::parse(&deep, Rules::Ber).is_err());
    let huge = [0x30, 0x84, 0xff, 0xff, 0xff, 0xff, 0];
    assert_eq!(Value::parse(&huge, Rules::Der), Err(Asn1Error::Truncated));
    let absurd = [0x30, 0x89, 1, 0, 0, 0, 0, 0, 0, 0, 0];
    assert_eq!(Value::parse(&absurd, Rules::Ber), Err(Asn1Error::Length));
    let mut nested = vec![];
    for _ in 0..200 {
        nested = sequence(&[&nested]);
    }
    let mut value = Value::parse(&nested, Rules::Der).unwrap();
    let error = loop {
        match value.only() {
            Ok(inner) => value = inner,
            Err(error) => break error,
        }
    };
    assert_eq!(error, Asn1Error::TooDeep);
    assert!(started.elapsed() < Duration::from_secs(5));
}

#[test]
fn object_identifiers_of_any_size() {
    let read = |content: &[u8]| Value::parse(&tlv(tag::OID, &[content]), Rules::Der).unwrap().any_oid();
    assert_eq!(read(&[0x29, 2]).unwrap().to_string(), "1.1.2");
    let uuid = [
        0x69, 0x83, 0xf8, 0xd4, 0xfa, 0xe7, 0xb2, 0xc0, 0xa4, 0xd3, 0xb9, 0xc4, 0xd9, 0xe8, 0xd5, 0x92, 0xe5,
        0x08,
    ];
    assert!(read(&uuid).unwrap().to_string().starts_with("2.25."));
    assert_eq!(read(&uuid).unwrap().known(), None);
    assert_eq!(read(&[0x88, 0x37, 1]).unwrap().to_string(), "2.999.1");
    for bad in [&[][..], &[0x80, 1], &[0x29, 0x80, 1], &[0x29, 0x82]] {
        assert!(read(bad).is_err(), "{bad:?}");
    }
}

#[test]
fn ber_becomes_der_and_der_stays() {
    let indefinite =
        [0x30, 0x80, 0x24, 0x80, 0x04, 1, 1, 0x04, 1, 2, 0, 0, 0x31, 0x81, 6, 2, 1, 9, 2, 1, 3, 0, 0];
    let der = sequence(&[&octet_string(&[1, 2]), &set_of(&[integer_u64(3), integer_u64(9)])]);
    assert_eq!(to_der(Value::parse(&indefinite, Rules::Ber).unwrap()).unwrap(), der);
    assert_eq!(to_der(Value::parse(&der, Rules::Ber).unwrap()).unwrap(), der);
    let large = sequence(&[&null().repeat(100_000)]);
    assert_eq!(to_der(Value::parse(&large, Rules::Ber).unwrap()).unwrap(), large);
    let unsorted = set(&[&null().repeat(100_000), &integer_u64(9)]);
    assert_eq!(to_der(Value::parse(&unsorted, Rules::Ber).unwrap()), Err(Asn1Error::TooMany("values")));
}

#[test]
fn set_of_is_sorted() {
    let set = set_of(&[integer_u64(300), integer_u64(2), integer_u64(1)]);
    assert_eq!(set, [0x31, 10, 2, 1, 1, 2, 1, 2, 2, 2, 1, 44]);
}

#[test]
fn integers_are_minimal() {
    assert_eq!(integer(&[0, 0, 0x80]), [2, 2, 0, 0x80]);
    assert_eq!(integer(&[]), [2, 1, 0]);
    assert!(Value::parse(&[2, 2, 0, 1], Rules::Der).unwrap().unsigned().is_err());
    assert!(Value::parse(&[2, 1, 0x80], Rules::Der).unwrap().unsigned().is_err());
    assert_eq!(
        Value::parse(&[2, 9, 0, 255, 255, 255, 255, 255, 255, 255, 255], Rules::Der).unwrap().unsigned(),
        Ok(u64::MAX)
    );
}

proptest::proptest! {
    /// Whatever the bytes, each reader ends, and what it takes as DER it gives back byte for byte.
    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..300)) {
        for rules in [Rules::Der, Rules::Ber] {
            if let Ok(value) = Value::parse(&bytes, rules) {
                proptest::prop_assert_eq!(value.raw, &bytes[..]);
                let rewritten = to_der(value);
                if let Ok(der) = rewritten {
                    let again = Value::parse(&der, Rules::Der).unwrap();
                    proptest::prop_assert_eq!(to_der(again).unwrap(), der);
                }
            }
        }
    }

    #[test]
    fn numbers_come_back(n in proptest::num::u64::ANY, bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..400)) {
        proptest::prop_assert_eq!(Value::parse(&integer_u64(n), Rules::Der).unwrap().unsigned(), Ok(n));
        let string = octet_string(&bytes);
        proptest::prop_assert_eq!(&*Value::parse(&string, Rules::Der).unwrap().octets().unwrap(), &bytes[..]);
        let wrapped = sequence(&[&string, &context(3, &[&integer_u64(n)])]);
        proptest::prop_assert_eq!(to_der(Value::parse(&wrapped, Rules::Ber).unwrap()).unwrap(), wrapped);
    }
}
