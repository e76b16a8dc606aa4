"""Cities, districts, streets and landmarks of the sample data: names that every rental advertisement uses."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Landmark:
    """A place that people search around."""

    name: str  # as in an advertisement
    short: str  # as people type it
    english: str


@dataclass(frozen=True, slots=True)
class District:
    """A district with some of its streets and landmarks."""

    name: str  # "Quận 10", "quận Bình Thạnh"
    short: str  # "q10", "bình thạnh"
    english: str
    rent: float  # typical rent of a plain room, in million VND a month
    streets: tuple[str, ...]
    landmarks: tuple[Landmark, ...]


@dataclass(frozen=True, slots=True)
class City:
    """A city, and the words that its people use for the same things."""

    name: str
    short: str
    english: str
    is_northern: bool  # "điều hòa", "tầng", "ngõ" in the north; "máy lạnh", "lầu", "hẻm" in the south
    alley: str
    districts: tuple[District, ...]


def _d(name: str, short: str, english: str, rent: float, streets: str, *landmarks: tuple[str, str, str]) -> District:
    return District(name, short, english, rent, tuple(streets.split("; ")), tuple(Landmark(*one) for one in landmarks))


HO_CHI_MINH = City(
    "TP.HCM",
    "tphcm",
    "Ho Chi Minh City",
    False,
    "hẻm",
    (
        _d(
            "Quận 1", "q1", "District 1", 5.5, "Trần Hưng Đạo; Đinh Tiên Hoàng; Cô Giang; Nguyễn Trãi",
            ("chợ Bến Thành", "chợ bến thành", "Ben Thanh Market"),
            ("phố đi bộ Bùi Viện", "bùi viện", "Bui Vien walking street"),
            ("Thảo Cầm Viên", "sở thú", "Saigon Zoo"),
        ),
        _d(
            "Quận 3", "q3", "District 3", 5.2, "Lê Văn Sỹ; Võ Văn Tần; Nguyễn Đình Chiểu; Kỳ Đồng",
            ("hồ Con Rùa", "hồ con rùa", "Turtle Lake"),
            ("ga Sài Gòn", "ga sài gòn", "Saigon Railway Station"),
            ("ĐH Mở", "đh mở", "Open University"),
        ),
        _d(
            "Quận 4", "q4", "District 4", 4.2, "Đoàn Văn Bơ; Tôn Đản; Khánh Hội; Xóm Chiếu",
            ("bến Nhà Rồng", "bến nhà rồng", "Nha Rong Wharf"),
            ("chợ Xóm Chiếu", "chợ xóm chiếu", "Xom Chieu Market"),
        ),
        _d(
            "Quận 5", "q5", "District 5", 4.4, "An Dương Vương; Trần Bình Trọng; Hồng Bàng; Nguyễn Biểu",
            ("ĐH Sài Gòn", "đh sài gòn", "Saigon University"),
            ("bệnh viện Chợ Rẫy", "bv chợ rẫy", "Cho Ray Hospital"),
            ("ĐH Y Dược", "y dược", "University of Medicine and Pharmacy"),
        ),
        _d(
            "Quận 6", "q6", "District 6", 3.5, "Hậu Giang; Bình Phú; Kinh Dương Vương; Phạm Văn Chí",
            ("chợ Bình Tây", "chợ bình tây", "Binh Tay Market"),
            ("công viên Phú Lâm", "cv phú lâm", "Phu Lam Park"),
        ),
        _d(
            "Quận 7", "q7", "District 7", 4.6, "Huỳnh Tấn Phát; Lâm Văn Bền; Nguyễn Thị Thập; Lê Văn Lương",
            ("ĐH Tôn Đức Thắng", "tdtu", "Ton Duc Thang University"),
            ("Crescent Mall", "crescent mall", "Crescent Mall"),
            ("cầu Tân Thuận", "cầu tân thuận", "Tan Thuan Bridge"),
        ),
        _d(
            "Quận 8", "q8", "District 8", 3.3, "Phạm Thế Hiển; Dương Bá Trạc; Tạ Quang Bửu; Cao Lỗ",
            ("cầu Chữ Y", "cầu chữ y", "Y Bridge"),
            ("ĐH Công nghệ Sài Gòn", "stu", "Saigon Technology University"),
        ),
        _d(
            "Quận 10", "q10", "District 10", 4.6, "Sư Vạn Hạnh; Thành Thái; Tô Hiến Thành; Lý Thái Tổ",
            ("Vạn Hạnh Mall", "vạn hạnh mall", "Van Hanh Mall"),
            ("bệnh viện Nhi Đồng 1", "bv nhi đồng 1", "Children's Hospital 1"),
            ("chợ hoa Hồ Thị Kỷ", "hồ thị kỷ", "Ho Thi Ky Flower Market"),
        ),
        _d(
            "Quận 11", "q11", "District 11", 3.8, "Lãnh Binh Thăng; Minh Phụng; Hòa Bình; Ông Ích Khiêm",
            ("công viên Đầm Sen", "đầm sen", "Dam Sen Park"),
            ("nhà thi đấu Phú Thọ", "nhà thi đấu phú thọ", "Phu Tho Indoor Stadium"),
        ),
        _d(
            "Quận 12", "q12", "District 12", 2.6, "Tô Ký; Nguyễn Ảnh Thủ; Hà Huy Giáp; Lê Văn Khương",
            ("công viên phần mềm Quang Trung", "pm quang trung", "Quang Trung Software City"),
            ("ngã tư An Sương", "ngã tư an sương", "An Suong crossroads"),
        ),
        _d(
            "quận Bình Thạnh", "bình thạnh", "Binh Thanh District", 4.4,
            "Nơ Trang Long; Xô Viết Nghệ Tĩnh; Bùi Đình Túy; Ung Văn Khiêm",
            ("chợ Bà Chiểu", "bà chiểu", "Ba Chieu Market"),
            ("ĐH Hutech", "hutech", "HUTECH University"),
            ("Landmark 81", "landmark 81", "Landmark 81"),
        ),
        _d(
            "quận Gò Vấp", "gò vấp", "Go Vap District", 3.4, "Nguyễn Oanh; Lê Đức Thọ; Thống Nhất; Phạm Văn Chiêu",
            ("ĐH Công nghiệp", "đh công nghiệp", "Industrial University"),
            ("chợ Hạnh Thông Tây", "chợ hạnh thông tây", "Hanh Thong Tay Market"),
            ("công viên Gia Định", "cv gia định", "Gia Dinh Park"),
        ),
        _d(
            "quận Tân Bình", "tân bình", "Tan Binh District", 4.2, "Cộng Hòa; Bàu Cát; Hoàng Văn Thụ; Phạm Văn Hai",
            ("sân bay Tân Sơn Nhất", "sân bay tsn", "Tan Son Nhat Airport"),
            ("tòa nhà Etown", "etown cộng hòa", "Etown building"),
        ),
        _d(
            "quận Tân Phú", "tân phú", "Tan Phu District", 3.5, "Lũy Bán Bích; Tân Kỳ Tân Quý; Gò Dầu; Lê Trọng Tấn",
            ("Aeon Mall Tân Phú", "aeon tân phú", "Aeon Mall Tan Phu"),
            ("ĐH Công Thương", "đh công thương", "University of Industry and Trade"),
        ),
        _d(
            "quận Phú Nhuận", "phú nhuận", "Phu Nhuan District", 4.7,
            "Phan Xích Long; Huỳnh Văn Bánh; Phan Đăng Lưu; Nguyễn Kiệm",
            ("ngã tư Phú Nhuận", "ngã tư phú nhuận", "Phu Nhuan crossroads"),
            ("bệnh viện An Sinh", "bv an sinh", "An Sinh Hospital"),
        ),
        _d(
            "quận Bình Tân", "bình tân", "Binh Tan District", 2.9, "Tên Lửa; Hương Lộ 2; Lê Văn Quới; Tỉnh Lộ 10",
            ("Aeon Mall Bình Tân", "aeon bình tân", "Aeon Mall Binh Tan"),
            ("bến xe Miền Tây", "bx miền tây", "Mien Tay Bus Station"),
        ),
        _d(
            "TP Thủ Đức", "thủ đức", "Thu Duc City", 3.2, "Võ Văn Ngân; Kha Vạn Cân; Đặng Văn Bi; Hoàng Diệu 2",
            ("ĐH Sư phạm Kỹ thuật", "spkt", "University of Technology and Education"),
            ("Vincom Thủ Đức", "vincom thủ đức", "Vincom Thu Duc"),
            ("ĐH Ngân hàng", "đh ngân hàng", "Banking University"),
        ),
    ),
)  # fmt: skip

HANOI = City(
    "Hà Nội",
    "hn",
    "Hanoi",
    True,
    "ngõ",
    (
        _d(
            "quận Cầu Giấy", "cầu giấy", "Cau Giay District", 4.3,
            "Xuân Thủy; Trần Thái Tông; Trung Kính; Nguyễn Khang",
            ("ĐH Quốc gia", "đhqg", "Vietnam National University"),
            ("ĐH Thương mại", "tmu", "Thuongmai University"),
            ("công viên Cầu Giấy", "cv cầu giấy", "Cau Giay Park"),
        ),
        _d(
            "quận Đống Đa", "đống đa", "Dong Da District", 4.4, "Chùa Láng; Khâm Thiên; Thái Hà; Tây Sơn",
            ("ĐH Ngoại thương", "ftu", "Foreign Trade University"),
            ("ĐH Thủy lợi", "đh thủy lợi", "Thuyloi University"),
            ("hồ Hoàng Cầu", "hồ hoàng cầu", "Hoang Cau Lake"),
        ),
        _d(
            "quận Thanh Xuân", "thanh xuân", "Thanh Xuan District", 3.9,
            "Khương Trung; Nguyễn Tuân; Khương Hạ; Vũ Tông Phan",
            ("Royal City", "royal city", "Royal City"),
            ("Ngã Tư Sở", "ngã tư sở", "Nga Tu So crossroads"),
        ),
        _d(
            "quận Hai Bà Trưng", "hai bà trưng", "Hai Ba Trung District", 4.2,
            "Bạch Mai; Minh Khai; Lê Thanh Nghị; Đại La",
            ("ĐH Kinh tế Quốc dân", "neu", "National Economics University"),
            ("ĐH Bách khoa Hà Nội", "bkhn", "Hanoi University of Science and Technology"),
            ("Times City", "times city", "Times City"),
        ),
        _d(
            "quận Hà Đông", "hà đông", "Ha Dong District", 3.0, "Tố Hữu; Phùng Hưng; Nguyễn Văn Lộc; Văn Phú",
            ("Học viện Bưu chính", "ptit", "Posts and Telecommunications Institute"),
            ("Aeon Mall Hà Đông", "aeon hà đông", "Aeon Mall Ha Dong"),
        ),
        _d(
            "quận Nam Từ Liêm", "nam từ liêm", "Nam Tu Liem District", 3.6,
            "Mễ Trì; Phương Canh; Đình Thôn; Đỗ Đức Dục",
            ("bến xe Mỹ Đình", "bx mỹ đình", "My Dinh Bus Station"),
            ("tòa Keangnam", "keangnam", "Keangnam Tower"),
        ),
        _d(
            "quận Bắc Từ Liêm", "bắc từ liêm", "Bac Tu Liem District", 2.8,
            "Cổ Nhuế; Phạm Văn Đồng; Xuân Đỉnh; Phú Diễn",
            ("ĐH Công nghiệp Hà Nội", "haui", "Hanoi University of Industry"),
            ("công viên Hòa Bình", "cv hòa bình", "Hoa Binh Park"),
        ),
        _d(
            "quận Hoàng Mai", "hoàng mai", "Hoang Mai District", 3.2, "Định Công; Tam Trinh; Lĩnh Nam; Trương Định",
            ("hồ Linh Đàm", "linh đàm", "Linh Dam Lake"),
            ("bến xe Giáp Bát", "bx giáp bát", "Giap Bat Bus Station"),
        ),
        _d(
            "quận Ba Đình", "ba đình", "Ba Dinh District", 4.9, "Đội Cấn; Kim Mã; Ngọc Hà; Hoàng Hoa Thám",
            ("công viên Thủ Lệ", "thủ lệ", "Thu Le Park"),
            ("Lotte Liễu Giai", "lotte liễu giai", "Lotte Lieu Giai"),
        ),
        _d(
            "quận Long Biên", "long biên", "Long Bien District", 3.1, "Ngọc Lâm; Bồ Đề; Ngô Gia Tự; Sài Đồng",
            ("Aeon Mall Long Biên", "aeon long biên", "Aeon Mall Long Bien"),
            ("cầu Chương Dương", "cầu chương dương", "Chuong Duong Bridge"),
        ),
        _d(
            "quận Tây Hồ", "tây hồ", "Tay Ho District", 5.2, "Xuân Diệu; Thụy Khuê; Võng Thị; Đặng Thai Mai",
            ("công viên nước Hồ Tây", "cv nước hồ tây", "West Lake Water Park"),
            ("chợ hoa Quảng An", "chợ hoa quảng an", "Quang An Flower Market"),
        ),
    ),
)  # fmt: skip

DA_NANG = City(
    "Đà Nẵng",
    "đn",
    "Da Nang",
    False,
    "kiệt",
    (
        _d(
            "quận Hải Châu", "hải châu", "Hai Chau District", 3.4,
            "Núi Thành; Trưng Nữ Vương; Hoàng Diệu; Lê Đình Dương",
            ("cầu Rồng", "cầu rồng", "Dragon Bridge"),
            ("chợ Hàn", "chợ hàn", "Han Market"),
        ),
        _d(
            "quận Thanh Khê", "thanh khê", "Thanh Khe District", 2.7, "Hà Huy Tập; Lê Độ; Trần Cao Vân; Điện Biên Phủ",
            ("công viên 29 Tháng 3", "cv 29/3", "29 March Park"),
            ("ga Đà Nẵng", "ga đn", "Da Nang Railway Station"),
        ),
        _d(
            "quận Sơn Trà", "sơn trà", "Son Tra District", 3.2, "Nguyễn Công Trứ; Hồ Nghinh; Ngô Quyền; Phan Bá Phiến",
            ("biển Phạm Văn Đồng", "biển pvđ", "Pham Van Dong Beach"),
            ("Vincom Ngô Quyền", "vincom đn", "Vincom Ngo Quyen"),
        ),
        _d(
            "quận Ngũ Hành Sơn", "ngũ hành sơn", "Ngu Hanh Son District", 3.0,
            "Châu Thị Vĩnh Tế; Lê Văn Hiến; Mỹ Đa Đông; An Thượng",
            ("biển Mỹ Khê", "biển mỹ khê", "My Khe Beach"),
            ("ĐH Kinh tế Đà Nẵng", "due", "Da Nang University of Economics"),
        ),
        _d(
            "quận Liên Chiểu", "liên chiểu", "Lien Chieu District", 2.1,
            "Nguyễn Lương Bằng; Hoàng Thị Loan; Tôn Đức Thắng; Phạm Như Xương",
            ("ĐH Bách khoa Đà Nẵng", "bk đà nẵng", "Da Nang University of Technology"),
            ("chợ Hòa Khánh", "chợ hòa khánh", "Hoa Khanh Market"),
        ),
        _d(
            "quận Cẩm Lệ", "cẩm lệ", "Cam Le District", 2.4,
            "Ông Ích Đường; Nguyễn Hữu Thọ; Cách Mạng Tháng 8; Trường Chinh",
            ("cầu Cẩm Lệ", "cầu cẩm lệ", "Cam Le Bridge"),
            ("sân vận động Hòa Xuân", "svđ hòa xuân", "Hoa Xuan Stadium"),
        ),
    ),
)  # fmt: skip

CITIES = (HO_CHI_MINH, HANOI, DA_NANG)
