#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]
//! A PDF signed with SM2 and SM3, key, certificates and signature made by OpenSSL, the CMS put together as GM/T 0010 has it.

use super::{Indication, Options, Report, verify};
use crate::cms::{attribute, oid};
use crate::pdf::hash::PrefixHash;
use crate::pdf::sign::prepare;
use crate::pdf::sign::testing::{document, request};
use crate::pdf::syntax::Document;
use crate::x509::path::TrustStore;
use crate::x509::signature::Digest;
use crate::x509::testing::{Folder, now, openssl};
use crate::x509::{Certificate, asn1};
use const_oid::ObjectIdentifier;
use hufu_api::HashAlgorithm;

const IDENTITY: &str = "distid:1234567812345678";

/// A root and a signer below it, both SM2. `None` where there is no OpenSSL.
fn identities(folder: &Folder) -> Option<(Certificate, Certificate)> {
    let run = |args: &str| openssl(folder.path(), args);
    run("genpkey -algorithm SM2 -out root.key")?;
    run("genpkey -algorithm SM2 -out signer.key")?;
    run(&format!(
        "req -new -x509 -key root.key -sm3 -sigopt {IDENTITY} -subj /C=CN/CN=Root -days 30 -out root.pem \
         -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign"
    ))?;
    run(&format!("req -new -key signer.key -sm3 -sigopt {IDENTITY} -subj /C=CN/CN=Signer -out signer.csr"))?;
    folder.write("signer.ext", b"keyUsage=critical,digitalSignature,nonRepudiation\n");
    run(&format!(
        "x509 -req -in signer.csr -CA root.pem -CAkey root.key -set_serial 7 -days 20 -sm3 -sigopt {IDENTITY} \
         -vfyopt {IDENTITY} -extfile signer.ext -out signer.pem"
    ))?;
    let read = |name: &str| {
        openssl(folder.path(), &format!("x509 -in {name}.pem -outform DER -out {name}.der"));
        Certificate::from_der(&std::fs::read(folder.path().join(format!("{name}.der"))).unwrap()).unwrap()
    };
    Some((read("root"), read("signer")))
}

fn algorithm(dotted: &str) -> Vec<u8> {
    asn1::sequence(&[&asn1::oid(&ObjectIdentifier::new_unwrap(dotted))])
}

/// SignedData with signed attributes over the pieces' SM3; with GM/T 0010's content types or with CMS's own.
fn cms(folder: &Folder, root: &Certificate, signer: &Certificate, pieces: &[&[u8]], gm: bool) -> Vec<u8> {
    let (outer, inner) = if gm { (oid::SM_SIGNED_DATA, oid::SM_DATA) } else { (oid::SIGNED_DATA, oid::DATA) };
    let attributes = asn1::set_of(&[
        attribute(&oid::CONTENT_TYPE, &asn1::oid(&inner)),
        attribute(&oid::MESSAGE_DIGEST, &asn1::octet_string(&Digest::Sm3.of(&pieces.concat()))),
    ]);
    folder.write("attributes", &attributes);
    openssl(
        folder.path(),
        &format!(
            "pkeyutl -sign -in attributes -rawin -digest sm3 -inkey signer.key -pkeyopt {IDENTITY} -out value"
        ),
    );
    let value = std::fs::read(folder.path().join("value")).unwrap();
    let mut tagged = attributes;
    tagged[0] = 0xa0;
    let sm3 = algorithm("1.2.156.10197.1.401");
    let sid = asn1::sequence(&[signer.issuer.der(), &asn1::tlv(asn1::tag::INTEGER, &[&signer.serial])]);
    let sm2 = algorithm("1.2.156.10197.1.301.1");
    let info =
        asn1::sequence(&[&asn1::integer_u64(1), &sid, &sm3, &tagged, &sm2, &asn1::octet_string(&value)]);
    let data = asn1::sequence(&[
        &asn1::integer_u64(1),
        &asn1::set(&[&sm3]),
        &asn1::sequence(&[&asn1::oid(&inner)]),
        &asn1::context(0, &[signer.der(), root.der()]),
        &asn1::set(&[&info]),
    ]);
    asn1::sequence(&[&asn1::oid(&outer), &asn1::context(0, &[&data])])
}

/// A one-page document whose signature's hole is filled with what `make` returns for the bytes around it.
fn signed(make: impl Fn(&[&[u8]]) -> Vec<u8>) -> Vec<u8> {
    let plain = document(1, "", "");
    let input = Document::open_to_sign(&plain).unwrap();
    let prepared = prepare(&input, &PrefixHash::of(HashAlgorithm::Sha256, &plain), &request()).unwrap();
    let tail = prepared.embed(&[0x30, 0]).unwrap();
    let mut file = [&plain[..], tail.tail()].concat();
    let begin = memchr::memmem::find(&file, b"/Contents<").unwrap() + 9;
    let end = begin + file[begin..].iter().position(|&b| b == b'>').unwrap() + 1;
    let value = make(&[&file[..begin], &file[end..]]);
    let digits = hex::encode(value);
    file[begin + 1..begin + 1 + digits.len()].copy_from_slice(digits.as_bytes());
    file
}

fn judged(file: &[u8], root: &Certificate) -> Report {
    let mut store = TrustStore::new();
    store.add_der(root.der()).unwrap();
    verify(file, &store, &Options::at(now())).unwrap()
}

#[test]
fn a_pdf_signed_with_sm2_is_verified_up_to_its_root() {
    let folder = Folder::new();
    let Some((root, signer)) = identities(&folder) else { return };
    for gm in [true, false] {
        let file = signed(|pieces| cms(&folder, &root, &signer, pieces, gm));
        let report = judged(&file, &root);
        let signature = &report.signatures[0];
        assert!(signature.valid_modify && signature.trusted, "{:?}", signature.findings);
        assert_eq!(signature.indication, Indication::TotalPassed);
        assert_eq!(signature.signature_algorithm.as_deref(), Some("SM2 with SM3"));
        assert_eq!(signature.sign_name, "Signer");
        assert_eq!(signature.chain.len(), 2, "signer and root");
        let other = Folder::new();
        let (stranger, _) = identities(&other).unwrap();
        assert!(!judged(&file, &stranger).signatures[0].trusted);
        let mut changed = file;
        let at = memchr::memmem::find(&changed, b"(Contract)").unwrap();
        changed[at + 1] = b'K';
        let report = judged(&changed, &root);
        assert!(!report.signatures[0].digest_ok && !report.signatures[0].valid_modify);
    }
}
