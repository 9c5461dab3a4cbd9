import java.io.FileInputStream;
import java.util.Set;
import java.util.TreeSet;
import org.verapdf.gf.foundry.VeraGreenfieldFoundryProvider;
import org.verapdf.pdfa.Foundries;
import org.verapdf.pdfa.PDFAParser;
import org.verapdf.pdfa.results.TestAssertion;
import org.verapdf.pdfa.results.ValidationResult;

/** What veraPDF says of each file, judged as what it claims to be: file, flavour, the rules it fails. */
final class PdfA {
    public static void main(String[] files) throws Exception {
        VeraGreenfieldFoundryProvider.initialise();
        for (String file : files) {
            try (FileInputStream in = new FileInputStream(file); PDFAParser parser = Foundries.defaultInstance().createParser(in)) {
                ValidationResult result = Foundries.defaultInstance().createValidator(parser.getFlavour(), false).validate(parser);
                Set<String> failed = new TreeSet<>();
                for (TestAssertion a : result.getTestAssertions()) {
                    if (a.getStatus() == TestAssertion.Status.FAILED) {
                        failed.add(a.getRuleId().getClause() + "-" + a.getRuleId().getTestNumber() + " " + a.getMessage());
                    }
                }
                System.out.println(file + "\t" + parser.getFlavour() + "\t" + result.isCompliant() + "\t" + String.join("; ", failed));
            } catch (Exception e) {
                System.out.println(file + "\terror\tfalse\t" + e);
            }
        }
    }
}
