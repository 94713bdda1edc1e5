import IPsecTypes

/// Answers that ``AlgorithmSelfTest`` compares with, computed by other implementations (pyca/cryptography over OpenSSL, and
/// plain modular exponentiation). The HMAC answers are RFC 4231 test case 2.
enum KnownAnswers {
    static let message = Array("Culvert self-test answers".utf8)
    static let associatedData = pattern(32, from: 0x80)

    /// `count` bytes that count upwards.
    static func pattern(_ count: Int, from first: UInt8) -> [UInt8] {
        (0..<count).map { first &+ UInt8(truncatingIfNeeded: $0) }
    }

    // SK bodies: IV, ciphertext of message and pad length, check value.
    static let aesGCM128 = hex(
        """
        3031323334353637ed4b22db5980ca2ce34d480597b361a6b463d40d70406b0d53f2a9b9dca550a32e2f2ca47bee70c4
        b9bb
        """
    )
    static let aesGCM192 = hex(
        """
        30313233343536373d4aa23c8c06914cebfdc7d479f9a85db9ec853e4f6f9cb09a74a71399e029763a4dd9aa1fb314d4
        8be8
        """
    )
    static let aesGCM256 = hex(
        """
        3031323334353637e8406141d6b65f6c8945bd6eefae4135a9a820ec95cbbde7aff3967b64bd88b37e6c56a915892fc9
        47ec
        """
    )
    static let chaCha20 = hex(
        """
        3031323334353637f69e6043d4b97ba93b97402a27ad62c090a0d7a103f2d0ad42878e1888bffa678e9f121e8e8d729b
        b77b
        """
    )
    static let aesCBC128 = hex(
        """
        303132333435363738393a3b3c3d3e3f1eb5005ed5119f29f3e4e77d5e7112c5eb840179e41ff3a1666c5075e08b9faf
        eef455732ab9c3e21c6f24cc28c5ae67
        """
    )
    static let aesCBC192 = hex(
        """
        303132333435363738393a3b3c3d3e3f5680d0e4d93cbec8290d3cf63aae9dccc96e9027365b4add5f17a25b1f2601cc
        36b64ac047e2ed80c785e438b5097f9370cebce0ee14ae8f
        """
    )
    static let aesCBC256 = hex(
        """
        303132333435363738393a3b3c3d3e3fef4b3d439504fe45e815dbfe1b99d0b94549dd8dfd0cf40be199a04f99297e5a
        6ebc1d693f14837731ec2d3164354094bca2bea0b12c3f817c84b60e620e1999
        """
    )
    // prf("Jefe", "what do ya want for nothing?").
    static let hmacSHA256 = hex("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")
    static let hmacSHA384 = hex(
        "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e69e2c78b3239ecfab21649"
    )
    static let hmacSHA512 = hex(
        """
        164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fd
        caeab1a34d4a6b4b636e070a38bce737
        """
    )
    // SHA-256 of both public values and the shared secret.
    static let modp2048 = hex("08ea458ac2dbf0431000154240c47c2cd8f8eb6122079bea82a58fe0f1b562ca")
    static let modp3072 = hex("7bf2731da42065b8fec8e67143ad0e8472465f09c607a4513f07f22a500ab1f8")
    static let modp4096 = hex("c4adf221b565758c4602307d77d2f6928f318b93854e849ec33252f8a7b150cf")
    static let modp6144 = hex("55c6c0dfda94821f241aca23f0cf1ffe6cd59c7c9a1adf5e16244fc74593e670")
    static let modp8192 = hex("03a9a835befcceae1a1b11bf2641c2fe1b8cc3f9fe7b9d54d80464219f48769e")
    static let ecp256 = hex("d0c3b743e9ba02c57aa711b1c7943dd72a86f2ff8aba3658e48ecf1004802699")
    static let ecp384 = hex("8a9fa9fcafbf040e29773b8f9bb1509776be085966aa62a6f745fbf4feca05d2")
    static let ecp521 = hex("dc857c91becb9eed37463fc8f61b2c4fe339faadaf332329730485a11051ed40")
    static let x25519 = hex("ccac33f1eea36d709b11b99566d2c697bbbd35efc7aa2d0f23d0a924d84be278")
    // SubjectPublicKeyInfos, and signatures of the message under them.
    static let rsaKey = hex(
        """
        30820122300d06092a864886f70d01010105000382010f003082010a0282010100d40a2415ef0d3fe2c437738803105b
        f287b69aae0d08ecc7c0782c5f55c0124ae5ec514efc7c063a0057b00e192d539d990f36120343c777900c98c109763a
        51afe6ae6418b69b03fb01e08d7b990d3ab7ffe2826cfec116b35a8a70bfc62c07fd2831d719ad80cea3b176d58ee727
        e1898034b6d15bb020e5cb5a923fa56e6b326b3426ee15ce66ab900a5f2df2715e91da49f0e2b2a916a057636f167657
        792fea06f726b56bf36bd3482dec9d48a0b315db92a51193c2db6ff706a1c5ddbd495cfb963cb1f69ec5c2bf43a794a3
        b4200240bb3ef389451e95cc7e3a81f0bf0812c9fafa5081bf45029ce9461d9ccdbf0afb13ef50aface891940be63758
        b50203010001
        """
    )
    static let rsaPSS256 = hex(
        """
        9c4071a1cc5858c6669658b51ca01655ad1fd0e35f85a7d15771b1b640d90a3845f1599b2aee9df0c45c92942b2a3b24
        9cf303e1462afbf639b7c6cc5f2a135760c07ffd76650841a5701cec3f1a4072d3ffd9ef3f5c2b7115c73b15a3291872
        9505d84881fc4085fdf9571a8a7bddb8b31f9e93fabeb02c4b972d71e6ba1d4cc22700088d3b558fde53c6c8cf4042ec
        6a5c9e9501106fc58484cdebb2ac20eab3d3c0313b95d7afc17b1c20494e5fd56f3db80dc9c1c9042052c53101a21687
        92270f6d067946ccdcef72c97c545d9f72da648cd38bc81ff66ce6ff084f476d3db013b15d9fb77539f749ad0b2359ea
        1c957c42005c9d8b91a9e789f975b8c3
        """
    )
    static let rsaPSS384 = hex(
        """
        d03fccdf4eb704b37d7849e05ad29f3faa9ec83557c7456e58bd31c683321db2089ad8d7aac30f709fbd133df4d3850b
        54413279de0631ccb9a4935c4fe48bff977340f9d12e01060ca0213963f34acf0753ffd0ef556c07a0fb231324136d4d
        674569f3a3000e6e5cc9f454a91e2dc6160fd3039c54a1c38a7858296320a0f71f1fc6c4314ac2d69061e61967132ada
        f7e8552b743a7381255bdf5923a776f03b3343ceff7b6fea90ef399ddc93e3541eb4ece0c6f0952f1ac0b32c8bf6179b
        4cd7fb86ca5725af844e1a1d6da0dc35b939a915aa3c9ac16592a7f4db081561eaedce3395401f8bd92996e5216f49c7
        cd00e9945f53b11feef8570135a96d23
        """
    )
    static let rsaPSS512 = hex(
        """
        b6d347af4e7399d169507d8bec61b5cad81282fad5a8562efaca5555550313310550bca4fbb917d0cb6e64884a42bbd3
        c82c45ffda5578913c248098fc5ac609a29d329bbad6db9ea1b59716a816bb4b895964e3cac727885407aeffedfe00e4
        2dc4cad2bd290347a8b5574d59aa51aa38874b313185a212de58200406017eb7c840a0b72355a16d6ab47629f6119772
        ba57911df0cdb12290594135d58de8dc98452de9d84f64592508717bb80d7dbfcd8b9e482fd75b39703f9fddeaa7bd8e
        7e3951b8ff927b021b05579af70d092dcc10e939a007a5158999707718220fd96a329d0ca21c419d67966c28670b4bfd
        afb5561ad0006688d858e827c8dfb5d4
        """
    )
    static let rsaPKCS1 = hex(
        """
        c634cc34c7fea2b0b4cda22e72bd913fdeb51fc26294910a3d4ff7c5ee87e95920088bf0e72fb1efce8ad8367545773d
        f891b07f178b9cab3dd18a4d7cbbeac39f47cea04eafc8ce883df7671a96a2f677665a2bd5ea3d9a24c17b556375f772
        4226dd68a0cabca3155467e10616227502c5a8ac7bebe6d12a2e74317da64658d1c7b556585ffae78ce753662a84c83a
        32b26f62f27ff84d7d6a00ddba00cede37b43ca8263ea9c7b11606e48b1d979c4798150297ec673fb856433bf563ce69
        5fc0423599524cbbcca4405d42460fd96928f80fd524d8f75b294f4429a40b13ff7aaa916f1822b07043337898199aca
        eefbd3bcb20e88d3b58281e984d13c2d
        """
    )
    static let ecKey256 = hex(
        """
        3059301306072a8648ce3d020106082a8648ce3d03010703420004515c3d6eb9e396b904d3feca7f54fdcd0cc1e997bf
        375dca515ad0a6c3b4035f4536be3a50f318fbf9a5475902a221502bef0d57e08c53b2cc0a56f17d9f9354
        """
    )
    static let ecdsa256 = hex(
        """
        3045022100e25edb47fcfc1b8d87528f99f7b706579b4fd2780634bc9e617a1d121e900d2c02205b93fa3c5eaae8555d
        3e3e04f33c96ff48bdd06467d22e3e5dc0d2f1f78dd456
        """
    )
    static let ecKey384 = hex(
        """
        3076301006072a8648ce3d020106052b8104002203620004c76f2283dda95cd49b0ed9e733d2904474e37216f124e13d
        2c9ab4cf01021c49ad9cabb3d0b97499aef2f0ab313fa02826bc1f83451b5c8962a75caff73588d4400a6296436154fb
        343c393e91048a6c7bcbadc83cd8a5f26feae883156f92a1
        """
    )
    static let ecdsa384 = hex(
        """
        306402302de59056ac2d8b1536a0ed700d847fde62ba24f91f88cb41619d2e323ae0a0c354a62120bba197a6a3286567
        605922aa02306c9232a5b31c5ed4a2d85e05d1e5863a23cc43cb220ba9dfe2b581018082d8c0d851252e3a39a9bc3abc
        01bad66af42a
        """
    )
    static let ecKey521 = hex(
        """
        30819b301006072a8648ce3d020106052b810400230381860004000366c8c3b22dfb87d0922163cd4b53cd43a24a29f7
        9292fa4ef1288d69ed139a7fc0552120ea1bdb4f88ca0da4eb91de9b077018d5885dbff0e91a66639a9b72a500bd5e44
        e3a526e1051a4371c9bae5c7611ed489582ecdcc1ea277fe2379286a3a1c0c7224c7b1ebb0a8b6e5fbda5cead23f47c3
        00917d4f98f2d2d4dc79d0109826
        """
    )
    static let ecdsa521 = hex(
        """
        308188024201bcbcd5a0362c0617523f6eb2a883aa1a9736aeeb858df75e4e5322d2906e5c6e04f0c22e9fc29fdec45c
        6ec73be0ac54f0c0d2b9eaeac9e969f71f8eb4cc645abc024201002cff08aa343865e5c6cc86b0e1381d5bbc5c0b6998
        eca24061df77c1dafe749aac7ef88ba38bca3117292895a3028c749b51db58a34e21d529cbb79acdaf0e15
        """
    )
    /// SHA-256 of the encapsulation key of the seed 01 02 03 ... and the secret of the ciphertext 41 42 43 ....
    static let mlKEM768 = hex("4d4853f015b1d60dee0f07e579f20719651bbf8afa7859310f29aa2ec2dcb1b0")
    static let mlKEM1024 = hex("5b07b29711e32169f693558761f7d2d603d6692cffe20cc2efaf5cac87545862")
    /// PKCS #8 of a seed from Wycheproof's mldsa_65_sign_seed vectors, and SHA-256 of the SubjectPublicKeyInfo of its key.
    static let mlDSA65 = (
        hex("3034020100300b060960864801650304031204228020") + [UInt8](repeating: 0x2A, count: 32),
        hex("79c1e1be76b51a329f3d04908e7f231842279894f71206967b68eeede3f1795d")
    )
    /// PKCS #8 of a seed from Wycheproof's mldsa_87_sign_seed vectors, and SHA-256 of the SubjectPublicKeyInfo of its key.
    static let mlDSA87 = (
        hex("3034020100300b060960864801650304031304228020") + [UInt8](repeating: 0x2A, count: 32),
        hex("d0bc39564a0b58cac445901e7d02e9ab49ccc7b0a71b3e6ef89a27fe1cd88904")
    )
    static let ed25519Key = hex(
        "302a300506032b657003210079b5562e8fe654f94078b112e8a98ba7901f853ae695bed7e0e3910bad049664"
    )
    static let ed25519 = hex(
        """
        cc7561959e4034e463fcf725e9f5fc7b9f89ee89afc6b3d3d8a70bcf1fecdb8b5c5a401bede9ad426dad590062e02a95
        521e97f5c14a5920ca99d7448b5a7307
        """
    )

    /// Reads hexadecimal digits; line ends are skipped. Its inputs are the constants above, and each start reads them all.
    private static func hex(_ text: String) -> [UInt8] {
        guard let bytes = Hex.decode(text.utf8.filter { $0 != 10 }) else {
            preconditionFailure("a known answer with a typing mistake")
        }
        return bytes
    }
}
