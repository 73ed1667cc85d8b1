// SPDX-License-Identifier: Apache-2.0
// Talk - Java's two ways of networking, as a client and inside one program
//
// Usage: Talk PEER4 PEER6 NAME - the peer echoes on port 7001 and says EOFSEEN
// at the end. The output is the same wherever sockets are sockets.
import java.io.InputStream;
import java.net.ConnectException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.NetworkInterface;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.net.StandardSocketOptions;
import java.net.URL;
import java.nio.ByteBuffer;
import java.nio.channels.DatagramChannel;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

public class Talk {
	static byte[] bytes(int id) {
		return (id + " ").repeat(4000).getBytes(
			StandardCharsets.US_ASCII);
	}

	static void blocking(String host) throws Exception {
		int right = 0;
		for (int i = 0; i < 20; i++)
			try (Socket s = new Socket(host, 7001)) {
				byte[] data = bytes(i);
				s.setTcpNoDelay(true);
				s.setSoTimeout(20000);
				s.getOutputStream().write(data);
				s.shutdownOutput();
				String back = new String(
					s.getInputStream().readAllBytes(),
					StandardCharsets.US_ASCII);
				if (back.equals(new String(data,
					StandardCharsets.US_ASCII) +
					"EOFSEEN"))
					right++;
			}
		System.out.println("blocking " + right);
	}

	/* one thread, one selector, 100 connections at once */
	static void nio(String host) throws Exception {
		Selector selector = Selector.open();
		List<ByteBuffer> in = new ArrayList<>();
		int open = 100, right = 0;
		for (int i = 0; i < open; i++) {
			SocketChannel c = SocketChannel.open();
			c.configureBlocking(false);
			in.add(ByteBuffer.allocate(65536));
			c.connect(new InetSocketAddress(host, 7001));
			c.register(selector, SelectionKey.OP_CONNECT,
				new Object[] {i, ByteBuffer.wrap(bytes(i))});
		}
		while (open > 0) {
			selector.select(20000);
			for (SelectionKey key : selector.selectedKeys()) {
				SocketChannel c = (SocketChannel) key.channel();
				Object[] a = (Object[]) key.attachment();
				ByteBuffer out = (ByteBuffer) a[1];
				ByteBuffer got = in.get((int) a[0]);
				if (key.isConnectable() && c.finishConnect())
					key.interestOps(SelectionKey.OP_WRITE |
						SelectionKey.OP_READ);
				if (key.isValid() && key.isWritable()) {
					c.write(out);
					if (!out.hasRemaining()) {
						c.shutdownOutput();
						key.interestOps(
							SelectionKey.OP_READ);
					}
				}
				if (key.isValid() && key.isReadable() &&
				    c.read(got) < 0) {
					String want = new String(
						bytes((int) a[0])) + "EOFSEEN";
					if (want.equals(new String(got.array(),
						0, got.position())))
						right++;
					c.close();
					open--;
				}
			}
			selector.selectedKeys().clear();
		}
		System.out.println("nio " + right);
	}

	static void server() throws Exception {
		try (ServerSocket l = new ServerSocket(0, 50,
				InetAddress.getByName("localhost"))) {
			l.setSoTimeout(100);
			try {
				l.accept();
				System.out.println("accept returned");
			} catch (SocketTimeoutException e) {
				System.out.println("accept timed out");
			}
			l.setSoTimeout(0);
			Thread t = new Thread(() -> {
				for (int i = 0; i < 50; i++)
					try (Socket s = l.accept()) {
						s.getInputStream().transferTo(
							s.getOutputStream());
					} catch (Exception e) {
						System.out.println(e);
					}
			});
			t.start();
			int right = 0;
			for (int i = 0; i < 50; i++)
				try (Socket s = new Socket(l.getInetAddress(),
						l.getLocalPort())) {
					s.getOutputStream().write(bytes(i));
					s.shutdownOutput();
					byte[] b = s.getInputStream()
						.readAllBytes();
					if (java.util.Arrays.equals(b, bytes(i)))
						right++;
				}
			t.join();
			System.out.println("server " + right);
		}
	}

	static void nioServer() throws Exception {
		ServerSocketChannel l = ServerSocketChannel.open();
		l.setOption(StandardSocketOptions.SO_REUSEADDR, true);
		l.bind(new InetSocketAddress("::1", 0));
		l.configureBlocking(false);
		Selector selector = Selector.open();
		l.register(selector, SelectionKey.OP_ACCEPT);
		SocketChannel c = SocketChannel.open(l.getLocalAddress());
		c.write(ByteBuffer.wrap("from nio".getBytes()));
		c.shutdownOutput();
		selector.select(20000);
		SocketChannel a = l.accept();
		System.out.println("nio server " +
			a.getRemoteAddress().equals(c.getLocalAddress()) +
			" " + (l.accept() == null));
		ByteBuffer b = ByteBuffer.allocate(100);
		while (a.read(b) >= 0)
			;
		System.out.println(new String(b.array(), 0, b.position()));
		a.close();
		c.close();
		l.close();
	}

	static void datagrams() throws Exception {
		DatagramChannel s = DatagramChannel.open();
		s.bind(new InetSocketAddress("127.0.0.1", 0));
		int port = ((InetSocketAddress) s.getLocalAddress()).getPort();
		try (DatagramSocket c = new DatagramSocket()) {
			byte[] data = "a datagram".getBytes();
			c.setSoTimeout(20000);
			c.send(new DatagramPacket(data, data.length,
				InetAddress.getByName("127.0.0.1"), port));
			ByteBuffer b = ByteBuffer.allocate(100);
			InetSocketAddress from =
				(InetSocketAddress) s.receive(b);
			b.flip();
			s.send(b, from);
			DatagramPacket p = new DatagramPacket(new byte[100], 100);
			c.receive(p);
			System.out.println(new String(p.getData(), 0,
				p.getLength()) + " " + (p.getPort() == port) +
				" " + (from.getPort() == c.getLocalPort()));
		}
		s.close();
	}

	public static void main(String[] args) throws Exception {
		for (String host : args) {
			blocking(host);
			nio(host);
		}
		try (Socket s = new Socket(args[0], 1)) {
			System.out.println("connected");
		} catch (ConnectException e) {
			System.out.println(e.getMessage());
		}
		try (InputStream in =
			new URL("http://www.rig.test/").openStream()) {
			System.out.print(new String(in.readAllBytes()));
		}
		server();
		nioServer();
		datagrams();
		System.out.println(NetworkInterface.getByName("lo")
			.isLoopback());
	}
}
