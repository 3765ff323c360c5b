import java.io.OutputStream;
import java.net.HttpRetryException;
import java.net.HttpURLConnection;
import java.net.URL;

/** java SlowUpload.java URL TOKEN BYTES BYTES_PER_S: sends all of a body before it looks for the
 * answer, and prints the status. */
public class SlowUpload {
    public static void main(String[] args) throws Exception {
        int left = Integer.parseInt(args[2]), perSecond = Integer.parseInt(args[3]);
        byte[] piece = new byte[64 << 10];
        HttpURLConnection connection = (HttpURLConnection) new URL(args[0]).openConnection();

        connection.setRequestMethod("POST");
        connection.setDoOutput(true);
        connection.setFixedLengthStreamingMode(left);
        connection.setRequestProperty("Content-Type", "multipart/form-data; boundary=xx");
        connection.setRequestProperty("Authorization", "Bearer " + args[1]);
        OutputStream out = connection.getOutputStream();
        for (; left > 0; left -= piece.length) {
            out.write(piece, 0, Math.min(left, piece.length));
            out.flush();
            Thread.sleep(1000L * piece.length / perSecond);
        }
        try {
            System.out.println(connection.getResponseCode());
        } catch (HttpRetryException e) { // 401 while streaming
            System.out.println(e.responseCode());
        }
    }
}
