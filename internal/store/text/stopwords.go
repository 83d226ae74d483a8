package text

// The words of each language that say nothing of what a text is about: articles,
// pronouns, prepositions, conjunctions, auxiliary verbs. They are in lower case
// and with their diacritics, since they are looked up before those are removed.
const (
	englishStops = `a about above after again against all am an and any are aren't as at be because been before
being below between both but by can't cannot could couldn't did didn't do does doesn't doing don't down during each
few for from further had hadn't has hasn't have haven't having he he'd he'll he's her here here's hers herself him
himself his how how's i i'd i'll i'm i've if in into is isn't it it's its itself let's me more most mustn't my myself
no nor not of off on once only or other ought our ours ourselves out over own same shan't she she'd she'll she's
should shouldn't so some such than that that's the their theirs them themselves then there there's these they they'd
they'll they're they've this those through to too under until up very was wasn't we we'd we'll we're we've were
weren't what what's when when's where where's which while who who's whom why why's with won't would wouldn't you
you'd you'll you're you've your yours yourself yourselves`

	danishStops = `ad af alle alt anden at blev blive bliver da de dem den denne der deres det dette dig din disse dog
du efter eller en end er et for fra ham han hans har havde have hende hendes her hos hun hvad hvis hvor i ikke ind jeg
jer jo kunne man mange med meget men mig min mine mit mod ned noget nogle nu når og også om op os over på selv sig
sin sine sit skal skulle som sådan thi til ud under var vi vil ville vor være været`

	dutchStops = `aan al alles als altijd andere ben bij daar dan dat de der deze die dit doch doen door dus een eens
en er ge geen geweest haar had heb hebben heeft hem het hier hij hoe hun iemand iets ik in is ja je kan kon kunnen
maar me meer men met mij mijn moet na naar niet niets nog nu of om omdat onder ons ook op over reeds te tegen toch toen
tot u uit uw van veel voor want waren was wat werd wezen wie wil worden wordt zal ze zelf zich zij zijn zo zonder zou`

	finnishStops = `ei eivät emme en et ette että he heidän heidät heihin heille heillä heiltä heissä heistä heitä hän
hänen hänet häneen hänelle hänellä häneltä hänessä hänestä häntä itse ja joka jossa josta jota jotka jos johon jolla
jolle jonka kanssa ken kenen keneen kenet koska kuin kuka kun me meidän meidät meihin meille meillä meiltä meissä
meistä meitä mikä mikään minkä minua minulla minulle minulta minun minussa minusta minut minä mitkä mitä mukaan mutta
ne niiden niihin niille niillä niiltä niin niissä niistä niitä noin nuo nyt näiden nämä näitä ole olemme olen olet
olette oli olimme olin olisi olisivat olit olitte olivat olla olleet ollut on ovat poikki se sekä sen siihen siinä
siitä sille sillä siltä sinua sinulla sinulle sinun sinut sinä sitä tai te teidän teidät teille teillä teitä tuo tuohon
tuon tuota tähän tälle tällä tämä tämän tänä tässä tästä tätä vaan vai vaikka yli`

	frenchStops = `ai aie aient ait as au aura aurai auraient aurais aurait auras aurez auriez aurions aurons auront aux
avaient avais avait avec avez aviez avions avons ayant ayez ayons c ce ces d dans de des du elle en es est et eu eue
eues eurent eus eusse eut eux eûmes eût eûtes furent fus fut fûmes fût fûtes il ils j je l la le les leur leurs lui m
ma mais me mes moi mon même n ne nos notre nous on ont ou par pas pour qu que qui s sa se sera serai seraient serais
serait seras serez seriez serions serons seront ses soi soient sois soit sommes son sont soyez soyons suis sur t ta te
tes toi ton tu un une vos votre vous y à étaient étais était étant étiez étions été étée étées étés êtes`

	germanStops = `aber alle allem allen aller alles als also am an ander andere anderem anderen anderer anderes anders
auch auf aus bei bin bis bist da damit dann das dass dasselbe dazu daß dein deine deinem deinen deiner dem demselben
den denn denselben der derer derselbe derselben des desselben dessen dich die dies diese dieselbe dieselben diesem
diesen dieser dieses dir doch dort du durch ein eine einem einen einer eines einig einige einigem einigen einiger
einiges einmal er es etwas euch euer eure eurem euren eurer für gegen gewesen hab habe haben hat hatte hatten hier hin
hinter ich ihm ihn ihnen ihr ihre ihrem ihren ihrer ihres im in indem ins ist jede jedem jeden jeder jedes jene jenem
jenen jener jenes jetzt kann kein keine keinem keinen keiner keines können könnte machen man manche manchem manchen
mancher manches mein meine meinem meinen meiner meines mich mir mit muss musste nach nicht nichts noch nun nur ob oder
ohne sehr sein seine seinem seinen seiner seines selbst sich sie sind so solche solchem solchen solcher solches soll
sollte sondern sonst um und uns unser unsere unserem unseren unserer unter viel vom von vor war waren warst was weg weil
weiter welche welchem welchen welcher welches wenn werde werden wie wieder will wir wird wirst wo wollen wollte während
würde würden zu zum zur zwar zwischen über`

	hungarianStops = `a abban ahhoz ahogy ahol aki akik akkor alatt amely amelyek amelyet ami amit amíg amikor annak arra
az azok azon azonban azt aztán azután azzal azért be belül benne bár cikk csak de e egy egyes egyetlen egyéb egyik ehhez
ekkor el ellen elő először előtt emilyen ennek erre ez ezek ezen ezt ezzel ezért fel felé hanem hiszen hogy hogyan igen
ill ilyen ison itt jó jobban jól kell kellett keressünk keresztül ki kívül között közül le legalább legyen lehet lenne
lenni lesz lett maga magát majd meg mellett mely melyek mert mi mikor milyen minden mindenki mindig mint mintha mit mivel
miért most már más még míg nagyon ne nekem neki nem nincs néha néhány nélkül olyan ott pedig persze rá s saját sem semmi
sok sokat sokkal szemben szerint szinte számára talán teljes tovább továbbá több ugyanis utána utolsó után vagy vagyis
vagyok valaki valami valamint való van vannak vele viszont volna volt voltak voltam át én éppen és így ő ők őket úgy`

	italianStops = `a abbia abbiamo abbiano ad agli ai al alla alle allo anche avendo avesse avete aveva avevamo avevano
avevi avevo avrà avranno avrebbe avuto c che chi ci coi col come con contro cui da dagli dai dal dall dalla dalle dallo
degli dei del dell della delle dello di dov dove e ed era erano eravamo essendo faccio fanno fu furono gli ha hai hanno
ho i il in io l la le lei li lo loro lui ma mi mia mie miei mio ne negli nei nel nell nella nelle nello noi non nostra
nostre nostri nostro o per perché più quale quanta quante quanti quanto quella quelle quelli quello questa queste questi
questo sarà saranno sarebbe se sei si sia siamo siano siete sono sta stata state stati stato su sua sue sugli sui sul sull
sulla sulle sullo suo suoi ti tra tu tua tue tuo tuoi tutti tutto un una uno vi voi vostra vostre vostri vostro è`

	norwegianStops = `alle at av bare begge ble blei bli blir både da de deg dei deim deira deires dem den denne der dere
deres det dette di din disse ditt du dykk dykkar då eg ein eit eitt eller elles en er et ett etter for fordi fra før ha
hadde han hans har hennar henne hennes her hjå ho hoe honom hoss hossen hun hva hvem hver hvilke hvilken hvis hvor
hvordan hvorfor i ikke ikkje ingen ingi inkje inn inni ja jeg kan kom korleis korso kun kunne kva kvar kvarhelst kven
kvi kvifor man mange me med medan meg meget mellom men mi min mine mitt mot mykje nå når ned no noe noen noka noko nokon
nokor nokre og også om opp oss over på samme seg selv si sia sidan siden sin sine sitt sjøl skal skulle slik so som
somme somt så sånn til um upp ut uten var vart varte ved vere verte vi vil ville vore vors vort vår være vært å`

	portugueseStops = `a ao aos aquela aquelas aquele aqueles aquilo as até com como da das de dela delas dele deles depois
do dos e ela elas ele eles em entre era eram essa essas esse esses esta estamos estas estava estavam este esteja estes
esteve estive estou está estão eu foi fomos for foram fosse fui haja havia hei houve há isso isto já lhe lhes mais mas
me mesmo meu meus minha minhas muito na nas nem no nos nossa nossas nosso nossos não nós num numa o os ou para pela
pelas pelo pelos por qual quando que quem se seja sem ser será seu seus somos sou sua suas são só também te tem tenha
tenho ter terá teu teus teve tinha tinham tive tu tua tuas tém um uma você vocês vos à às é éramos`

	romanianStops = `a abia acea aceasta această aceea aceia acel acela acele acelea acest acesta aceste acestea acestei
acestor acestui acolo acum ai aici al ale alt alta altul am are as asta astfel asupra au avea avem aveți azi aș bine ca
care cel cele cei celor ce cea cine cu cum că căci către când dacă dar de deci deja deoarece departe despre din dintre
doar după ea ei el ele era este eu face fel fi fie fiecare fii foarte fost fără iar in iti la le li lor lui mai mea mei
mele meu mi mine mult multe mulți ne nici nimic niște noastre noi nostru noștri nu o ori pe pentru peste poate prea prin
sa sale sau se si spre sub sunt suntem să săi său sînt ta tale te tot toate toată toți tu un una unde unei unele unii unor
unui unul va vi voastre voi vor vostru vă și în îl îmi între își îți ăla ăsta`

	russianStops = `а без более больше будет будто бы был была были было быть в вам вас вдруг ведь во вот впрочем все
всегда всего всех всю вы где да даже два для до другой его ее ей ему если есть еще ж же за зачем здесь и из или им
иногда их к как какая какой когда конечно кто куда ли лучше между меня мне много может можно мой моя мы на над надо
наконец нас не него нее ней нельзя нет ни нибудь никогда ним них ничего но ну о об один он она они опять от перед по под
после потом потому почти при про раз разве с сам свою себе себя сейчас со совсем так такой там тебя тем теперь то тогда
того тоже только том тот три тут ты у уж уже хорошо хоть чего чем через что чтоб чтобы чуть эти этого этой этом этот эту я`

	spanishStops = `a al algo algunas algunos ante antes como con contra cual cuando de del desde donde durante e el ella
ellas ellos en entre era erais eran eras eres es esa esas ese eso esos esta estaba estaban estado estamos estar estas este
esto estos estoy está están fue fueron fui ha habéis había habían habido hace han has hasta hay haya he hemos hube hubo la
las le les lo los me mi mis mucho muchos muy más mí mía mías mío míos nada ni no nos nosotras nosotros nuestra nuestras
nuestro nuestros o os otra otras otro otros para pero poco por porque que quien quienes qué se sea sean ser será si sido sin
sobre sois somos son soy su sus suya suyas suyo suyos sí también tanto te tendrá tenemos tengo tenía ti tiene tienen todo
todos tu tus tuve tuya tuyas tuyo tuyos tú un una uno unos vosotras vosotros vuestra vuestras vuestro vuestros y ya yo él`

	swedishStops = `alla allt att av blev bli blir blivit de dem den denna deras dess dessa det detta dig din dina ditt du
där då efter ej eller en er era ert ett från för ha hade han hans har henne hennes hon honom hur här i icke ingen inom
inte jag ju kan kunde man med mellan men mig min mina mitt mot mycket ni nu när någon något några och om oss på samma sedan
sig sin sina sitta själv skulle som så sådan sådana sådant till under upp ut utan vad var vara varför varit varje vars vart
vem vi vid vilka vilkas vilken vilket vår våra vårt än är åt över`

	turkishStops = `acaba ama ancak arada artık asla aslında az bana bazen bazı bazıları belki ben beni benim beş bile bir
biraz birkaç birçok biri birşey biz bize bizi bizim bu buna bunda bundan bunlar bunları bunların bunu bunun burada böyle
böylece da daha de değil demek diğer diye dolayı en fakat gibi göre hala hangi hani hatta hem henüz hep hepsi her herhangi
herkes hiç hiçbir için ile ilgili ise işte kadar karşın kendi kendine kendini ki kim kime kimi kimin kimse madem mi mu mü mı
nasıl ne neden nedenle nerede nereye niçin niye o olan olarak oldu olduğu olması olmak olsa olsun ona ondan onlar onlara
onları onların onu onun oysa öyle pek rağmen sadece sana sanki sen senden seni senin siz sizden size sizi sizin sonra şey
şu şuna şunda şunlar şunu şöyle tüm tümü ve veya ya yani yine zaten çok çünkü üzere`
)
