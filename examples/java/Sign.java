import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyFactory;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.security.spec.PKCS8EncodedKeySpec;
import java.time.Duration;
import java.util.Base64;
import java.util.HashMap;
import java.util.Map;
import java.util.UUID;
import java.util.regex.Pattern;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;

/** Signs a PDF through the HTTPS API with the JDK alone.   java Sign.java CLIENT.ENV CONTRACT.PDF */
public final class Sign {
    private final Map<String, String> env;
    private final HttpClient http;
    private String token = "";

    private Sign(Map<String, String> env) throws Exception {
        this.env = env;
        this.http = HttpClient.newBuilder().sslContext(tls(env)).connectTimeout(Duration.ofSeconds(10)).build();
        post("/auth/login", "{\"appId\":\"" + env.get("HUFU_APP_ID") + "\",\"appKey\":\"" + env.get("HUFU_APP_KEY") + "\"}");
    }

    public static void main(String[] args) throws Exception {
        Map<String, String> env = new HashMap<>();
        for (String line : Files.readAllLines(Path.of(args[0]))) {
            int at = line.indexOf('=');
            if (at > 0) env.put(line.substring(0, at), line.substring(at + 1));
        }
        Sign hufu = new Sign(env);
        String number = "11010119" + String.format("%010d", new java.security.SecureRandom().nextLong(10_000_000_000L));
        String signer = number(hufu.post("/user/person", "{\"userName\":\"孙七\",\"identityRegion\":\"0\",\"certifyNum\":\""
                + number + "\",\"phoneNo\":\"13000000000\"}"), "signerId");
        String seal = number(hufu.post("/moulage/person", "{\"signerId\":\"" + signer + "\"}"), "moulageId");
        System.out.println("signer " + signer + ", seal " + seal);

        String signed = env.get("HUFU_DOCUMENTS") + "/java-signed.pdf";
        String stamped = env.get("HUFU_DOCUMENTS") + "/java-stamped.pdf";
        String summary = number(hufu.upload("/sign/fileStream", "contractPath", Files.readAllBytes(Path.of(args[1])), Map.of(
                "signerId", signer, "moulageId", seal, "contractSavePath", signed,
                "signPositionType", "1", "positionContent", "1,100,100")), "summaryId");
        String stamp = number(hufu.post("/tsa/pathSign",
                "{\"filePath\":\"" + signed + "\",\"fileSavePath\":\"" + stamped + "\"}"), "timeStampSignId");
        System.out.println("summaryId " + summary + ", timeStampSignId " + stamp);

        String verdict = hufu.upload("/v2/auth/validateContract", "contractFile", Files.readAllBytes(Path.of(stamped)),
                Map.of("contractType", "0"));
        var name = Pattern.compile("\"signName\":\"([^\"]*)\"").matcher(verdict);
        while (name.find()) System.out.println(name.group(1) + " signed it");
        if (verdict.contains("\"validModify\":false")) throw new IllegalStateException("changed after signing: " + verdict);
        System.out.println("unchanged: true");
    }

    private String post(String path, String json) throws Exception {
        return send(path, json.getBytes(StandardCharsets.UTF_8), "application/json;charset=UTF-8");
    }

    private String upload(String path, String fileParameter, byte[] file, Map<String, String> parameters) throws Exception {
        String boundary = UUID.randomUUID().toString();
        ByteArrayOutputStream body = new ByteArrayOutputStream();
        for (Map.Entry<String, String> p : parameters.entrySet()) {
            text(body, "--" + boundary + "\r\nContent-Disposition: form-data; name=\"" + p.getKey() + "\"\r\n\r\n" + p.getValue() + "\r\n");
        }
        text(body, "--" + boundary + "\r\nContent-Disposition: form-data; name=\"" + fileParameter
                + "\"; filename=\"contract.pdf\"\r\nContent-Type: application/pdf\r\n\r\n");
        body.write(file);
        text(body, "\r\n--" + boundary + "--\r\n");
        return send(path, body.toByteArray(), "multipart/form-data; boundary=" + boundary);
    }

    private static void text(ByteArrayOutputStream to, String text) throws IOException {
        to.write(text.getBytes(StandardCharsets.UTF_8));
    }

    private String send(String path, byte[] body, String type) throws Exception {
        HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(env.get("HUFU_URL") + path))
                .timeout(Duration.ofSeconds(60)).header("Content-Type", type).POST(BodyPublishers.ofByteArray(body));
        if (!token.isEmpty()) request.header("token", token);
        var response = http.send(request.build(), BodyHandlers.ofString(StandardCharsets.UTF_8));
        // Answers carry a new token in the last third of the old one's life.
        token = response.headers().firstValue("token").orElse(token);
        String answer = response.body();
        if (!answer.contains("\"code\":200") && !answer.contains("\"success\":true")) {
            throw new IllegalStateException(path + ": " + answer);
        }
        return answer;
    }

    private static String number(String json, String name) {
        var found = Pattern.compile("\"" + name + "\":(\\d+)").matcher(json);
        if (!found.find()) throw new IllegalStateException("no " + name + " in " + json);
        return found.group(1);
    }

    private static SSLContext tls(Map<String, String> env) throws Exception {
        CertificateFactory x509 = CertificateFactory.getInstance("X.509");
        KeyStore trust = KeyStore.getInstance("PKCS12");
        trust.load(null, null);
        int n = 0;
        for (Certificate root : x509.generateCertificates(new ByteArrayInputStream(Files.readAllBytes(Path.of(env.get("HUFU_CA")))))) {
            trust.setCertificateEntry("root" + n++, root);
        }
        TrustManagerFactory trusted = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        trusted.init(trust);

        String pem = Files.readString(Path.of(env.get("HUFU_CLIENT_KEY"))).replaceAll("-----[A-Z ]+-----|\\s", "");
        var key = KeyFactory.getInstance("EC").generatePrivate(new PKCS8EncodedKeySpec(Base64.getDecoder().decode(pem)));
        Certificate[] chain = x509.generateCertificates(new ByteArrayInputStream(
                Files.readAllBytes(Path.of(env.get("HUFU_CLIENT_CERT"))))).toArray(Certificate[]::new);
        KeyStore own = KeyStore.getInstance("PKCS12");
        own.load(null, null);
        own.setKeyEntry("client", key, new char[0], chain);
        KeyManagerFactory keys = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
        keys.init(own, new char[0]);

        SSLContext context = SSLContext.getInstance("TLS");
        context.init(keys.getKeyManagers(), trusted.getTrustManagers(), null);
        return context;
    }
}
